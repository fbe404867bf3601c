"""Plan and execute: issues in, guarded, verified and reversible changes of the cluster out."""
