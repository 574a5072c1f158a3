// Load posts objects to an API server, as the administrator, and tells how long each took.
//
// It is a program of its own, in Go, so that it takes as little as possible of the processors that it measures on. Each
// client has one HTTP/2 connection, as kubectl and Helm have, and sends its next request when the last one is answered.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type report struct {
	Seconds      float64        `json:"seconds"`
	Milliseconds []float64      `json:"milliseconds"`
	Statuses     map[string]int `json:"statuses"`
	Refusal      string         `json:"refusal"` // the first answer of another status than 201
}

type answer struct {
	milliseconds float64
	status       int
	text         string
}

func main() {
	url := flag.String("url", "", "where to post")
	certificates := flag.String("certificates", "", "directory with ca.crt, admin.crt and admin.key")
	file := flag.String("bodies", "", "file with one object a line")
	from := flag.Int("from", 0, "first line to post")
	count := flag.Int("count", 0, "how many lines to post")
	clients := flag.Int("clients", 1, "how many at once")
	flag.Parse()

	content, err := os.ReadFile(*file)
	check(err)
	bodies := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	if *from+*count > len(bodies) {
		log.Fatalf("%s has %d objects, not %d", *file, len(bodies), *from+*count)
	}
	bodies = bodies[*from : *from+*count]
	configuration := identity(*certificates)

	answers := make([]answer, *count)
	var next atomic.Int64
	var connected, finished sync.WaitGroup
	begin := make(chan struct{})
	for range *clients {
		connected.Add(1)
		finished.Add(1)
		go func() {
			defer finished.Done()
			client := connect(configuration, *url)
			connected.Done()
			<-begin
			for {
				number := int(next.Add(1)) - 1
				if number >= len(bodies) {
					return
				}
				answers[number] = post(client, *url, bodies[number])
			}
		}()
	}
	connected.Wait()
	started := time.Now()
	close(begin)
	finished.Wait()
	check(json.NewEncoder(os.Stdout).Encode(summary(answers, time.Since(started))))
}

func identity(directory string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(directory+"/admin.crt", directory+"/admin.key")
	check(err)
	authority, err := os.ReadFile(directory + "/ca.crt")
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}
}

// connect opens the connection before the clock runs: whatever the answer is.
func connect(configuration *tls.Config, url string) *http.Client {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: configuration, ForceAttemptHTTP2: true}}
	response, err := client.Get(url + "?limit=1")
	check(err)
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	check(response.Body.Close())
	return client
}

func post(client *http.Client, url string, body []byte) answer {
	started := time.Now()
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	check(err)
	text, err := io.ReadAll(response.Body)
	check(err)
	milliseconds := float64(time.Since(started).Microseconds()) / 1000
	check(response.Body.Close())
	if response.StatusCode == http.StatusCreated {
		text = nil
	}
	return answer{milliseconds, response.StatusCode, string(text)}
}

func summary(answers []answer, took time.Duration) report {
	result := report{Seconds: took.Seconds(), Statuses: map[string]int{}}
	for _, each := range answers {
		result.Milliseconds = append(result.Milliseconds, each.milliseconds)
		result.Statuses[fmt.Sprint(each.status)]++
		if result.Refusal == "" {
			result.Refusal = each.text
		}
	}
	return result
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
