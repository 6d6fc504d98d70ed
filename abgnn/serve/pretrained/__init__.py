"""Systems as folders of JSON and safetensors: written, read without executing anything, shared."""
