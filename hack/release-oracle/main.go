// Release-oracle tells what Helm itself reads in the payload of a stored release. licet's tests hold its own reading to
// that: whatever Helm accepts, licet reads to the same meaning, or refuses.
//
// Helm's decoder is not exported, but its storage drivers are: Helm 3 and Helm 4 each fetch the payload as a release from
// a Secret and from a ConfigMap. Payloads come in base64, one a line. Each is answered with a line of JSON: by major
// version of Helm, the release as that Helm writes JSON of what it has read, or why it could not.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	helm3 "helm.sh/helm/v3/pkg/storage/driver"
	helm4 "helm.sh/helm/v4/pkg/storage/driver"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// A reading has one of both.
type reading struct {
	Release json.RawMessage `json:"release,omitempty"`
	Error   string          `json:"error,omitempty"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("release-oracle: ")
	if err := serve(bufio.NewReader(os.Stdin), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func serve(in *bufio.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		payload, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil {
			return fmt.Errorf("a payload has to come in base64: %w", err)
		}
		answer, err := read(payload)
		if err != nil {
			return err
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// read has each Helm read a payload, which must mean the same from either storage.
func read(payload []byte) (map[string]reading, error) {
	secret, configMap := secrets{payload: payload}, configMaps{payload: payload}
	answer := map[string]reading{
		"3": get(helm3.NewSecrets(secret).Get),
		"4": get(helm4.NewSecrets(secret).Get),
	}
	fromConfigMaps := map[string]reading{
		"3": get(helm3.NewConfigMaps(configMap).Get),
		"4": get(helm4.NewConfigMaps(configMap).Get),
	}
	for helm, one := range answer {
		if !bytes.Equal(one.Release, fromConfigMaps[helm].Release) {
			return nil, fmt.Errorf("helm %s reads from a ConfigMap what it does not read from a Secret: %q", helm, payload)
		}
	}
	return answer, nil
}

func get[R any](fetch func(string) (R, error)) (found reading) {
	defer func() {
		if problem := recover(); problem != nil { // Helm 3 does that where a Secret holds no release that it can decode
			found = reading{Error: fmt.Sprint(problem)}
		}
	}()
	release, err := fetch("any")
	if err != nil {
		return reading{Error: err.Error()}
	}
	text, err := json.Marshal(release)
	if err != nil {
		return reading{Error: err.Error()}
	}
	return reading{Release: text}
}

// secrets and configMaps stand in for a cluster that has one object, with the payload in it.

type secrets struct {
	client.SecretInterface
	payload []byte
}

func (s secrets) Get(context.Context, string, meta.GetOptions) (*core.Secret, error) {
	return &core.Secret{Data: map[string][]byte{"release": s.payload}}, nil
}

type configMaps struct {
	client.ConfigMapInterface
	payload []byte
}

func (c configMaps) Get(context.Context, string, meta.GetOptions) (*core.ConfigMap, error) {
	return &core.ConfigMap{Data: map[string]string{"release": string(c.payload)}}, nil
}
