// SPDX-License-Identifier: Apache-2.0
// node resample.js FILE WIDTH HEIGHT CHANNELS OUT-WIDTH OUT-HEIGHT OUT-FILE: scales u8 samples with sharp, whose module is in
// $PEERS/npm, once for each line on standard input, and answers with the wall and CPU nanoseconds it took; see resample.py.
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const sharp = require(path.join(process.env.PEERS, 'npm', 'node_modules', 'sharp'));

const [file, width, height, channels, outWidth, outHeight, outFile] = process.argv.slice(2)
  .map((text, i) => (i > 0 && i < 6 ? Number(text) : text));
sharp.concurrency(1);
sharp.cache(false);
const data = fs.readFileSync(file);

async function main() {
  let result;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    const image = sharp(data, { raw: { width, height, channels } })
      .resize(outWidth, outHeight, { kernel: 'lanczos3', fit: 'fill' });
    result = await (channels === 1 ? image.toColourspace('b-w') : image).raw().toBuffer();
    const wall = process.hrtime.bigint() - start;
    const used = process.cpuUsage(cpu);
    console.log(`${wall} ${1000 * (used.user + used.system)}${line}`);
  }
  fs.writeFileSync(outFile, result);
}
main();
