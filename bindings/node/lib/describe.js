// SPDX-License-Identifier: Apache-2.0
// What is told of an image: metadata by sharp's names where they mean the same, and statistics out of measuring kernels.
'use strict'

const DEPTHS = { 1: 'uchar', 2: 'ushort', 3: 'half', 4: 'float' }
const SPACES = { gray: 'b-w', 'gray-alpha': 'b-w', cmyk: 'cmyk', ycck: 'cmyk', lab: 'lab' }

function metadataOf(head) {
  const { sample, color, subsampling, compression, pages, loop, durationMs, iccBytes, exifBytes, xmpBytes, ...same } = head
  const upright = same.orientation >= 5
  return {
    ...same,
    space: SPACES[color] ?? 'srgb',
    color,
    depth: DEPTHS[sample],
    ...(subsampling && { chromaSubsampling: subsampling }),
    ...(compression && { compression }),
    isPalette: color === 'palette',
    hasProfile: iccBytes > 0,
    iccBytes,
    exifBytes,
    xmpBytes,
    ...(pages > 1 && { pages, loop, durationMs }),
    autoOrient: { width: upright ? same.height : same.width, height: upright ? same.width : same.height }
  }
}

// luma comes last: it changes the image
const STATS_STEPS = [
  ['kernel', 'mean-deviation', ''],
  ['kernel', 'histogram', ''],
  ['kernel', 'sharpness', ''],
  ['step', 'grayscale', ''],
  ['kernel', 'histogram', '']
]

/** Bits that a histogram's bin takes on average. */
function entropyOf(bins) {
  const total = bins.reduce((sum, count) => sum + count, 0)
  let bits = 0
  for (const count of bins) if (count) bits -= (count / total) * Math.log2(count / total)
  return bits
}

function channelOf(bins, mean, deviation) {
  return {
    min: bins.findIndex((count) => count > 0),
    max: bins.findLastIndex((count) => count > 0),
    mean: mean * 255,
    stdev: deviation * 255,
    histogram: bins
  }
}

/** In 8-bit levels, whatever the samples are. */
function statsOf({ measures }) {
  const found = JSON.parse(measures)
  const all = found.histogram
  const used = Object.keys(all).filter((name) => all[name].some((count) => count > 0))
  const { mean, deviation } = pick(found['mean-deviation'])
  const channels = used.map((name, index) => channelOf(all[name], mean[index], deviation[index]))
  const alpha = used.length % 2 === 0 ? channels.at(-1) : undefined
  return {
    channels,
    isOpaque: !alpha || alpha.min === 255,
    entropy: entropyOf(found['histogram#2'].channel0),
    sharpness: found.sharpness.variance
  }
}

function pick(values) {
  const [mean, deviation] = Object.values(values)
  return { mean: [mean].flat(), deviation: [deviation].flat() }
}

module.exports = { metadataOf, statsOf, STATS_STEPS, DEPTHS }
