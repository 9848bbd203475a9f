//! Holds the manifests to the table of the architecture page.
