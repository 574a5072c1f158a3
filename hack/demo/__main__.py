"""`python -m demo`: plays the story in a sandbox of its own, which is gone afterwards."""

import shutil
import sys
import time

import sandbox as sandboxes
from controlplane import ControlPlaneError
from demo.stage import Stage, StoryError
from demo.story import CHART, play
from sandbox import SandboxError


def main() -> int:
    """Plays, and gives the exit code: 0 where everything came out as the story says."""
    begun = time.monotonic()
    print("Starting etcd, the Kubernetes API server and licet; nothing of them stays.", flush=True)
    try:
        with sandboxes.temporary() as sandbox:
            print(f"Ready after {time.monotonic() - begun:.0f} s.")
            directory = sandbox.directory / "run" / "demo"  # removed with all of the sandbox, whatever happens
            shutil.copytree(CHART, directory / CHART.name)
            play(Stage(sandbox, directory), sandbox)
    except (StoryError, SandboxError, ControlPlaneError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\nThat was the story, in {time.monotonic() - begun:.0f} s. To play your own: make cluster")
    return 0


if __name__ == "__main__":
    sys.exit(main())
