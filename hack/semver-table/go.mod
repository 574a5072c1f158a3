module licet.dev/hack/semver-table

go 1.26

require github.com/Masterminds/semver/v3 v3.5.0
