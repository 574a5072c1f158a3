// flux-install installs a chart as Flux's helm-controller does, which the Go module proxy does not have: with the same
// calls of Helm's SDK, the release in one namespace and Helm's record of it in another. The flag --upgrade takes the
// next version to a release that is there.
//
//	KUBECONFIG=… flux-install --name web --storage-namespace flux-system --target-namespace prod CHART.tgz
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

type options struct {
	name, storageNamespace, targetNamespace, chart string
	upgrade                                        bool
}

func main() {
	var given options
	flag.StringVar(&given.name, "name", "", "the release's name")
	flag.StringVar(&given.storageNamespace, "storage-namespace", "", "where Helm keeps the release")
	flag.StringVar(&given.targetNamespace, "target-namespace", "", "where its objects go")
	flag.BoolVar(&given.upgrade, "upgrade", false, "upgrade a release instead of installing one")
	flag.Parse()
	given.chart = flag.Arg(0)
	if err := run(context.Background(), given); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, given options) error {
	chart, err := loader.Load(given.chart)
	if err != nil {
		return err
	}
	config, err := configuration(given)
	if err != nil {
		return err
	}
	if given.upgrade {
		upgrade := action.NewUpgrade(config)
		upgrade.Namespace = given.targetNamespace
		upgrade.ServerSideApply = "auto"
		upgrade.ForceConflicts = true
		upgrade.WaitStrategy = kube.HookOnlyStrategy
		upgrade.Timeout = time.Minute
		upgrade.SkipCRDs = true
		_, err = upgrade.RunWithContext(ctx, given.name, chart, nil)
		return err
	}
	install := action.NewInstall(config)
	install.ReleaseName = given.name
	install.Namespace = given.targetNamespace
	install.ServerSideApply = true
	install.ForceConflicts = true
	install.TakeOwnership = true
	install.WaitStrategy = kube.HookOnlyStrategy // there are no nodes that a Pod could become ready on
	install.Timeout = time.Minute
	install.SkipCRDs = true
	_, err = install.RunWithContext(ctx, chart, nil)
	return err
}

// configuration has the two namespaces of a HelmRelease: the client's is the target, the storage driver's the other.
func configuration(given options) (*action.Configuration, error) {
	getter := genericclioptions.NewConfigFlags(true)
	*getter.Namespace = given.targetNamespace
	client := kube.New(getter)
	clients, err := client.Factory.KubernetesClientSet()
	if err != nil {
		return nil, err
	}
	config := action.NewConfiguration()
	config.RESTClientGetter = getter
	config.KubeClient = client
	config.Releases = storage.Init(driver.NewSecrets(clients.CoreV1().Secrets(given.storageNamespace)))
	return config, nil
}
