// SPDX-License-Identifier: Apache-2.0
// node sharp.js OPERATION CONCURRENCY IN_FLIGHT FOLDER FILE...: the work of bench/peers in one process of sharp, whose module
// is in $PEERS/npm. CONCURRENCY is libvips' threads per image, "default" leaves it; IN_FLIGHT is images at one time.
const path = require('path');
const sharp = require(path.join(process.env.PEERS, 'npm', 'node_modules', 'sharp'));

const [operation, concurrency, inFlight, folder, ...files] = process.argv.slice(2);
if (concurrency !== 'default') sharp.concurrency(Number(concurrency));
sharp.cache(false);

const sharpen = { width: 3, height: 3, kernel: [0, -1, 0, -1, 5, -1, 0, -1, 0] };
const rec709 = [0.2126, 0.7152, 0.0722];
const operations = {
  gray: (image) => image.greyscale().toColourspace('b-w'),
  blur: (image) => image.blur(2),
  sharpen: (image) => image.convolve(sharpen),
  // what sharp does by default differs from the definition; these are for comparing pixels, not for timing
  'gray-exact': (image) => image.recomb([rec709, rec709, rec709]),
  'blur-exact': (image) => image.blur({ sigma: 2, precision: 'float', minAmplitude: 0.01 }),
};
const formats = {
  '.png': (image) => image.png({ compressionLevel: 6 }),
  '.jpg': (image) => image.jpeg({ quality: 80, chromaSubsampling: '4:2:0', optimiseCoding: !process.env.PLAIN_HUFFMAN }),
};

async function work() {
  for (let file = files.shift(); file; file = files.shift()) {
    const image = operations[operation](sharp(file));
    await formats[path.extname(file)](image).toFile(path.join(folder, path.basename(file)));
  }
}

Promise.all(Array.from({ length: Number(inFlight) }, work)).catch((error) => {
  console.error(`sharp: ${error.message}`);
  process.exit(1);
});
