"""Every cap on what comes from outside, in one place, so that nothing an attacker can stretch is unbounded.

Numbers fixed by the public contract say so; the others lie an order of magnitude above what real licenses need.
"""

from typing import Final

# -- tokens ------------------------------------------------------------------------------------------------------------
TOKEN_BYTES: Final = 64 * 1024  # contract; checked before anything is parsed
TOKEN_JSON_DEPTH: Final = 16
NUMERIC_DATE_MAX: Final = 253_402_300_799  # contract; 9999-12-31T23:59:59Z
SEQUENCE_MAX: Final = 2**53 - 1  # contract; the largest integer that every JSON reader keeps exactly
DURATION_DAYS_MAX: Final = 3653  # contract: ten years, three of them leap years
CLOCK_LEAD_SECONDS: Final = 10 * 60  # contract; how far in the future an `iat` may lie
TEXT_LENGTH: Final = 256  # issuer, subject, token ID, series, customer's name
NAME_LENGTH: Final = 63  # contract; products, features, limits, plans
FEATURE_TEXT_LENGTH: Final = 1024
GRANTS: Final = 64
FEATURES: Final = 256
FEATURE_LIST_ITEMS: Final = 256
LIMITS: Final = 64
CHARTS: Final = 64
IMAGES: Final = 64
CHANNELS: Final = 16
BINDINGS: Final = 256
CRITICAL: Final = 32
LIMIT_MAX: Final = 2**53 - 1

# -- vendors -----------------------------------------------------------------------------------------------------------
KEYS_PER_VENDOR: Final = 16
PRODUCTS_PER_VENDOR: Final = 64
PATTERNS_PER_PRODUCT: Final = 64
MIRRORS_PER_VENDOR: Final = 32
GLOB_LENGTH: Final = 255
GLOB_LITERAL_PREFIX: Final = 3  # contract

# -- version ranges: the caps of Masterminds/semver 3.5, so that Helm and licet refuse the same ------------------------
RANGE_LENGTH: Final = 512
RANGE_ALTERNATIVES: Final = 32
VERSION_LENGTH: Final = 256

# -- Helm releases -----------------------------------------------------------------------------------------------------
REVIEW_BYTES: Final = 7 * 1024 * 1024  # contract; body of an AdmissionReview
RELEASE_BYTES: Final = 64 * 1024 * 1024  # contract; decompressed
RELEASE_JSON_DEPTH: Final = 200  # contract
RELEASE_JSON_TOKENS: Final = 1_000_000  # punctuation outside of strings; it bounds the objects made of a release
RELEASE_WIDE_BYTES: Final = 16 * 1024 * 1024  # with characters beyond U+FFFF: a string with one takes four times that
RELEASE_CHART_NAMES: Final = 4096  # different charts that paths or labels tell of
RELEASE_SUBJECTS: Final = 256  # protected charts inside, each of their versions counted
RELEASE_LABELS: Final = 65_536  # places that look like a label which tells of a chart
RELEASE_DOCUMENTS: Final = 16_384  # of a manifest with such a label of interest
CHART_DEPENDENCIES: Final = 1024
CHART_LOCK_PAIRS: Final = 128 * 128  # of a dependency and an entry of the lock, each compared with each
TEMPLATE_PATH_LENGTH: Final = 4096  # as Linux has it
LABEL_LENGTH: Final = 63  # of a label's value in Kubernetes
YAML_DEPTH: Final = 100
LABELS_YAML_CHARACTERS: Final = 512 * 1024  # of documents in a release that are parsed for their labels
CHART_NAME_LENGTH: Final = 250  # `helm package` makes a file NAME-VERSION.tgz, and file names end at 255

# -- objects of GitOps tools -------------------------------------------------------------------------------------------
GITOPS_CHARTS: Final = 64  # with a claim on them, that one object asks for
GITOPS_GENERATORS: Final = 256  # of an ApplicationSet
GITOPS_SOURCES: Final = 1024  # of one object, those counted again that a generator's template takes over
GITOPS_BOUNDS: Final = 8  # versions that a range asked for and one that is licensed name together

# -- chart packages and directories ------------------------------------------------------------------------------------
CHART_BYTES: Final = 100 * 1024 * 1024  # decompressed, with all charts inside; Helm's own limit
CHART_FILES: Final = 10_000
CHART_DEPTH: Final = 8  # charts inside of charts
CHART_YAML_BYTES: Final = 1024 * 1024  # of Chart.yaml, Chart.lock or values.yaml
CHART_YAML_NODES: Final = 100_000  # of one file, where an alias counts as all that it stands for

# -- installations -----------------------------------------------------------------------------------------------------
INSTALLATION_CHARTS: Final = 64
INSTALLATION_IMAGES: Final = 256
SOURCE_NAME_LENGTH: Final = 253  # of what brought something in, as annotations or references name it
IMAGE_LENGTH: Final = 1024  # of a reference; what a runtime can pull is shorter, and the API server stores any length
IMAGE_NAME_LENGTH: Final = 512  # of a repository, tag or digest that is shown; the API server stores any length
INSTALLATION_HISTORY: Final = 128
INSTALLATION_REVISIONS: Final = 64  # the newest of a release; Helm keeps 10 unless told otherwise

# -- policy reports ----------------------------------------------------------------------------------------------------
REPORT_BYTES: Final = 512 * 1024  # of the results in one report; etcd refuses objects of more than 1.5 MiB
REPORT_TEXT_LENGTH: Final = 1024

# -- files that the command line reads ---------------------------------------------------------------------------------
FILE_BYTES: Final = 32 * 1024 * 1024
CHECKED_NAMESPACES: Final = 256  # of workloads in manifests; each is read once

# -- custom resources --------------------------------------------------------------------------------------------------
ALLOWED_NAMESPACES: Final = 256
SELECTOR_TERMS: Final = 32
SELECTOR_VALUES: Final = 64
LICENSES_PER_RIGHT: Final = 1024

# -- break-glass -------------------------------------------------------------------------------------------------------
BREAK_GLASS_SECONDS: Final = 24 * 60 * 60  # how long one may last at most
BREAK_GLASS_CHARTS: Final = 64
BREAK_GLASS_USES: Final = 128  # that are listed; all are counted
BREAK_GLASS_REASON: Final = (10, 1024)  # characters: more than a shrug, less than a report
USER_NAME_LENGTH: Final = 1024

# -- parameters of the admission policies ------------------------------------------------------------------------------
POLICY_PATTERNS: Final = PRODUCTS_PER_VENDOR * PATTERNS_PER_PRODUCT  # all that one Vendor claims
POLICY_VENDORS: Final = 64  # older ones with claims of the same names
POLICY_RIGHTS: Final = 4096
POLICY_INTERVALS: Final = RANGE_LENGTH  # a range has fewer comparators than characters
POLICY_NAMESPACES: Final = 4096  # where something ran licensed
POLICY_PAST: Final = 1024  # images, or charts, of one of these
POLICY_PAST_BYTES: Final = 512 * 1024  # of all of these; etcd takes objects of 1.5 MiB
POLICY_REFERENCE_LENGTH: Final = 1024  # of an image, a chart with its version, or a tag
POLICY_OPENINGS: Final = 256  # BreakGlasses that are open at a time; there are few, or there is no emergency
POLICY_EXEMPT_USERS: Final = 64
