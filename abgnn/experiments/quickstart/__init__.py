"""The main job: calibrate, teach the graph network, and show it beside what one would do instead."""
