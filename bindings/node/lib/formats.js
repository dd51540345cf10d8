// SPDX-License-Identifier: Apache-2.0
// Options of the output's format. Those of sharp's names are translated here; any other is a key of "output" in a job
// (docs/job.md), written in camel case: `webp({targetQuality: 80})`. The library knows what keys there are.
'use strict'

const { native } = require('./native')
const { InvalidError, UnsupportedError } = require('./errors')
const { colorText } = require('./colors')

const writable = native.formats().filter((format) => format.output).map((format) => format.name)
const ALIASES = { jpg: 'jpeg', tif: 'tiff', heif: 'avif', ppm: 'pnm' }

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const subsampling = (value) => ['subsampling', String(value).replaceAll(':', '')]

/** name → (value) → [key, text] or nothing. */
const common = {
  chromaSubsampling: subsampling,
  chroma_subsampling: subsampling,
  colours: (value) => ['colors', value],
  background: (value) => ['background', colorText(value).slice(0, 6)],
  force: () => undefined
}

const byFormat = {
  jpeg: {
    optimiseCoding: (value) => ['optimize', value],
    optimizeCoding: (value) => ['optimize', value]
  },
  png: {
    compressionLevel: (value) => ['png_effort', Math.max(1, value)],
    effort: (value) => ['png_effort', Math.max(1, value)],
    palette: (value) => (value ? ['colors', 256] : undefined),
    dither: (value) => ['dither', Math.round(value * 100)],
    bitdepth: (value) => ['depth', value]
  },
  webp: { effort: (value) => ['webp_effort', value] },
  avif: { effort: (value) => ['avif_effort', value], bitdepth: (value) => ['depth', value] },
  tiff: { compression: (value) => ['tiff_compression', value], bitdepth: (value) => ['depth', value] },
  exr: { compression: (value) => ['exr_compression', value], samples: (value) => ['exr_samples', value] },
  pnm: {}
}

function formatName(name) {
  const known = ALIASES[name] ?? name
  if (writable.includes(known)) return known
  throw new UnsupportedError(`${name} is not written: there are ${writable.join(', ')}`)
}

/**
 * Settings of an output: pairs of a job's keys and texts.
 * @param {string | undefined} format undefined: options of any format
 */
function outputSettings(format, options = {}) {
  const settings = new Map()
  const { mozjpeg, ...rest } = options
  if (mozjpeg && format === 'jpeg') {
    settings.set('output.progressive', 'true')
    settings.set('output.optimize', 'true')
  }
  if (format) settings.set('output.format', format)
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined || value === null) continue
    if (typeof value === 'object' && name !== 'background') {
      throw new InvalidError(`${name} is a number, a text or true or false, not an object`, { code: 'INVALID_TYPE' })
    }
    const translate = byFormat[format]?.[name] ?? common[name]
    const pair = translate ? translate(value) : [snake(name), value]
    // a palette of 256 colours unless something says how many
    if (pair && !(name === 'palette' && settings.has('output.colors'))) settings.set(`output.${pair[0]}`, String(pair[1]))
  }
  return settings
}

module.exports = { writable, formatName, outputSettings, snake }
