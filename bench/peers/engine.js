// SPDX-License-Identifier: Apache-2.0
// node engine.js TOOL WORK FOLDER FILE...: images scaled or converted by sharp or lazy-image, whose modules are in $PEERS/npm,
// for engine.py. WORK is JSON: width (0: as it is), format, quality, effort, plain (Huffman tables of the standard),
// concurrency (libvips' threads per image; lazy-image's workers, 0: its choice), inFlight (images at one time), processes,
// fast (lazy-image's mode), warm (the first file once for each line on standard input, answered with the wall and CPU
// nanoseconds it took).
const path = require('path');
const readline = require('readline');
const { fork } = require('child_process');

const [tool, text, folder, ...files] = process.argv.slice(2);
const work = { width: 0, quality: 80, concurrency: 1, inFlight: 1, processes: 1, ...JSON.parse(text) };
const modules = path.join(process.env.PEERS, 'npm', 'node_modules');
const target = (file) => path.join(folder, `${path.parse(file).name}.${work.format === 'jpeg' ? 'jpg' : work.format}`);

function sharpTool() {
  const sharp = require(path.join(modules, 'sharp'));
  sharp.concurrency(work.concurrency);
  sharp.cache(false);
  const options = {
    jpeg: { quality: work.quality, chromaSubsampling: '4:2:0', optimiseCoding: !work.plain, mozjpeg: false },
    webp: { quality: work.quality, effort: work.effort ?? 4 },
    avif: { quality: work.quality, effort: work.effort ?? 4, chromaSubsampling: '4:4:4' },
  };
  return (file) => {
    const image = work.width ? sharp(file).resize(work.width) : sharp(file);
    return image[work.format](options[work.format]).toFile(target(file));
  };
}

function lazyTool() {
  const { ImageEngine } = require(path.join(modules, '@alberteinshutoin', 'lazy-image'));
  if (files.length > 1) {
    const options = { format: work.format, quality: work.quality, fastMode: !!work.fast, concurrency: work.concurrency };
    return (file) => ImageEngine.fromPath(file).resize({ width: work.width })
      .processBatchWithMetrics([file, ...files.splice(0)], folder, options); // all at once: none is left for the caller
  }
  return (file) => ImageEngine.fromPath(file).resize({ width: work.width })
    .toFileWithMetrics(target(file), work.format, work.quality, !!work.fast);
}

async function each(one) {
  for (let file = files.shift(); file; file = files.shift()) await one(file);
}

async function warm(one) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    await one(files[0]);
    const wall = process.hrtime.bigint() - start;
    const used = process.cpuUsage(cpu);
    console.log(`${wall} ${1000 * (used.user + used.system)}${line}`);
  }
}

async function main() {
  if (work.versions) {
    console.log(JSON.stringify(require(path.join(modules, 'sharp')).versions));
  } else if (work.processes > 1) {
    const alone = JSON.stringify({ ...work, processes: 1 });
    const share = (i) => files.filter((_, at) => at % work.processes === i);
    const ends = Array.from({ length: work.processes }, (_, i) => new Promise((resolve, reject) => {
      fork(__filename, [tool, alone, folder, ...share(i)])
        .on('exit', (code) => (code ? reject(Error(`status ${code}`)) : resolve()));
    }));
    await Promise.all(ends);
  } else {
    const one = tool === 'sharp' ? sharpTool() : lazyTool();
    await (work.warm ? warm(one) : Promise.all(Array.from({ length: work.inFlight }, () => each(one))));
  }
}

main().catch((error) => {
  console.error(`${tool}: ${error.message}`);
  process.exit(1);
});
