// Webhook is the least that a validating webhook can be: it takes the review, does not parse it, and answers.
//
// It refuses what has a mark somewhere in it, so that it can be seen to be asked.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
)

// uid begins the member that an answer has to repeat: the first of that name in a review is the request's own.
var uid = []byte(`"uid":"`)

func main() {
	address := flag.String("address", "", "where to serve")
	certificate := flag.String("certificate", "", "file of the serving certificate")
	key := flag.String("key", "", "file of its key")
	mark := flag.String("refuse", "", "text whose presence in a review refuses it")
	flag.Parse()
	http.HandleFunc("/validate", func(writer http.ResponseWriter, request *http.Request) {
		review := make([]byte, max(request.ContentLength, 0))
		if _, err := io.ReadFull(request.Body, review); err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		_, rest, _ := bytes.Cut(review, uid)
		id, _, found := bytes.Cut(rest, []byte(`"`))
		if !found {
			http.Error(writer, "not a review", http.StatusBadRequest)
			return
		}
		writer.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(writer, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"%s","allowed":%t}}`,
			id, !bytes.Contains(review, []byte(*mark)))
	})
	log.Fatal(http.ListenAndServeTLS(*address, *certificate, *key, nil))
}
