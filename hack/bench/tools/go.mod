// What `make bench` measures with: the load, and the least that a webhook can be. The standard library does.
module licet.dev/hack/bench/tools

go 1.26.0
