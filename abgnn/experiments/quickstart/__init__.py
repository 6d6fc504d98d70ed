"""The main job: calibrate, teach the graph network, and show it beside what else one could do."""
