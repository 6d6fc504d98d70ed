"""`abgnn report`: one self-contained HTML page from run folders."""
