//! Holds the manifests to what the documents say: the test is in tests/graph.rs.
