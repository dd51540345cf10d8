# SPDX-License-Identifier: Apache-2.0
"""resample_pillow.py FILE WIDTH HEIGHT CHANNELS OUT-WIDTH OUT-HEIGHT OUT-FILE: scales u8 samples with Pillow once for each
line on standard input, and answers with the wall and CPU nanoseconds it took; see resample.py."""
import sys
import time
from pathlib import Path

from PIL import Image

file, out = sys.argv[1], sys.argv[7]
width, height, channels, out_width, out_height = map(int, sys.argv[2:7])
image = Image.frombytes({1: "L", 3: "RGB", 4: "RGBA"}[channels], (width, height), Path(file).read_bytes())
result = image
for _ in sys.stdin:
    cpu, start = time.process_time_ns(), time.perf_counter_ns()
    result = image.resize((out_width, out_height), Image.Resampling.LANCZOS)
    print(time.perf_counter_ns() - start, time.process_time_ns() - cpu, flush=True)
Path(out).write_bytes(result.tobytes())
