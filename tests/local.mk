include tests/bpf/bpf.mk
