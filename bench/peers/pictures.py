# SPDX-License-Identifier: Apache-2.0
"""Pictures for engine.py, made from photographs, and what they should look like when they are scaled: Lanczos 3 over the
whole decoded image in floats, rounded nowhere."""
import random

import numpy as np
from PIL import Image, ImageOps

TILE = (768, 512)
BATCH = 500
VERSION = "4"  # of what is made here: change it with the recipe, and the files are made anew


def mosaic(photographs):
    """8 × 8 photographs in their own detail, 6144 × 4096."""
    generator = random.Random(12345)
    tiles = [ImageOps.fit(Image.open(p).convert("RGB"), TILE, Image.Resampling.LANCZOS) for p in photographs]
    whole = Image.new("RGB", (8 * TILE[0], 8 * TILE[1]))
    for i in range(64):
        whole.paste(generator.choice(tiles), (i % 8 * TILE[0], i // 8 * TILE[1]))
    return whole


def make(photographs, folder):
    """The inputs in folder: "batch" (list), "jpeg", "png" (of 24 megapixels) and "photographs" (PNG, 768
    pixels at most)."""
    paths = {"batch": [folder / "batch" / f"{i:04}.jpg" for i in range(BATCH)], "jpeg": folder / "big.jpg",
             "png": folder / "big.png", "photographs": [folder / "photographs" / f"{p.stem}.png" for p in photographs]}
    mark, recipe = folder / "made-of", "\n".join([VERSION, *map(str, photographs)])
    if mark.exists() and mark.read_text() == recipe:
        return paths
    for part in ("batch", "photographs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for source, path in zip(photographs, paths["photographs"]):
        small = Image.open(source).convert("RGB")
        small.thumbnail((TILE[0], TILE[0]), Image.Resampling.LANCZOS)  # AVIF takes seconds for each megapixel
        small.save(path, compress_level=1)
    whole = mosaic(photographs)
    big = whole.crop((0, 0, 6000, 4000))
    big.save(paths["jpeg"], quality=90, subsampling="4:2:0")
    big.save(paths["png"], compress_level=6)
    # enlarged by half, as sharp as what a camera gives
    generator = random.Random(54321)
    large = whole.resize((9216, 6144), Image.Resampling.LANCZOS)
    for path in paths["batch"]:
        x, y = generator.randrange(9216 - 1200), generator.randrange(6144 - 800)
        large.crop((x, y, x + 1200, y + 800)).save(path, quality=90, subsampling="4:2:0")
    mark.write_text(recipe)
    return paths


def lanczos3(x):
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def scale_rows(pixels, height):
    """Rows of an array scaled to height: each output row is a weighted sum of those that lie under the filter."""
    step = pixels.shape[0] / height
    out = np.empty((height, *pixels.shape[1:]), np.float32)
    for i in range(height):
        middle = (i + 0.5) * step
        first, end = max(0, int(middle - 3 * step)), min(pixels.shape[0], int(middle + 3 * step) + 1)
        weights = lanczos3((np.arange(first, end) + 0.5 - middle) / step)
        out[i] = np.tensordot((weights / weights.sum()).astype(np.float32), pixels[first:end].astype(np.float32), 1)
    return out


def scaled(path, width, height):
    """The reference of one image."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    rows = scale_rows(pixels, height)
    return np.clip(scale_rows(rows.swapaxes(0, 1), width).swapaxes(0, 1), 0, 255)


class Reference:
    """Compares outputs with references, which are made once."""

    def __init__(self):
        self.made = {}

    def of(self, source, size):
        key = (source, size)
        if key not in self.made:
            self.made[key] = scaled(source, *size)
        return self.made[key]

    def psnr(self, sources, folder, border=8):
        """PSNR in dB over all outputs in folder that belong to sources, without border pixels at their edges."""
        outputs = {p.stem: p for p in folder.iterdir()}
        squares = count = 0
        for source in sources:
            if source.stem not in outputs:
                raise RuntimeError(f"no output for {source.name}")
            image = Image.open(outputs[source.stem]).convert("RGB")
            wanted = self.of(source, image.size)
            inner = np.s_[border:-border, border:-border]
            difference = np.asarray(image, np.float32)[inner] - wanted[inner]
            squares += float((difference ** 2).sum(dtype=np.float64))
            count += difference.size
        return 10 * float(np.log10(255 ** 2 * count / max(squares, 1e-9)))
