"""A short clip of camera and microphone: recorded in memory beside a call, at the camera's own quality."""
