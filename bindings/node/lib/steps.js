// SPDX-License-Identifier: Apache-2.0
// Steps as methods. All come from the library's table: `name({parameter: value})`, or `name(value)` for its short form. Some have
// beside that the arguments, units and names that sharp gives them; only what differs stands here.
'use strict'

const { endianness } = require('node:os')
const { fileURLToPath } = require('node:url')
const { native } = require('./native')
const { InvalidError, UnsupportedError } = require('./errors')
const { colorText } = require('./colors')

/** Bytes that stay where they are while a thread reads them. What can shrink or be written by other threads is copied. */
function stableBytes(value) {
  const bytes = value instanceof ArrayBuffer || value instanceof SharedArrayBuffer ? new Uint8Array(value) : value
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return bytes.buffer instanceof SharedArrayBuffer || bytes.buffer.resizable ? Uint8Array.from(view) : view
}

const table = new Map(native.steps().map((step) => [step.name, step]))

function isObject(value) {
  return value !== null && typeof value === 'object'
}

function valueText(param, value) {
  if (param.type === 'color') return colorText(value)
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return String(value)
  throw new InvalidError(`${param.name} is a ${param.type}, not ${typeof value}`, { code: 'INVALID_TYPE' })
}

/** Parameters as the library's text. A text goes last: a backslash at its end would hide the comma behind it. */
function paramsText(step, params) {
  const pairs = []
  const texts = []
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) continue
    const param = step.params.find((one) => one.name === name)
    const text = param ? valueText(param, value) : String(value) // the library says what parameters there are
    if (param?.type === 'text') texts.push(`${name}=${text.replaceAll(',', '\\,')}`)
    else if (/[,=\\]/.test(name + text)) throw new InvalidError(`step ${step.name}: ${name} cannot be "${text}"`)
    else pairs.push(`${name}=${text}`)
  }
  return pairs.concat(texts).join(',')
}

/** The words of a step for a program. */
function stepWords(name, params) {
  const step = table.get(name)
  if (!step) {
    throw new InvalidError(`there is no step "${name}": there are ${[...table.keys()].join(', ')}`, { code: 'INVALID_KEY' })
  }
  if (name === 'kernel') return kernelWords(params?.module, params?.params)
  if (isObject(params?.file)) {
    const { file, ...rest } = params
    return Object.assign(['step', name, paramsText(step, rest)], { bytes: file })
  }
  if (isObject(params)) return ['step', name, paramsText(step, params)]
  if (params === undefined) return ['step', name, '']
  if (step.params.length === 0) {
    throw new InvalidError(`step ${name} has no parameters, not "${params}"`, { code: 'INVALID_KEY' })
  }
  return ['step', name, paramsText(step, { [step.params[0].name]: params })]
}

function kernelWords(module, params = {}) {
  if (typeof module !== 'string' || module === '') {
    throw new InvalidError('a kernel is the name of one that ships, or a path', { code: 'INVALID_TYPE' })
  }
  const pairs = Object.entries(params).filter(([, value]) => value !== undefined)
  for (const [name, value] of pairs) {
    if (typeof value !== 'number') {
      throw new InvalidError(`kernel ${module}: ${name} is a number, not ${typeof value}`, { code: 'INVALID_TYPE' })
    }
  }
  return ['kernel', module, pairs.map(([name, value]) => `${name}=${value}`).join(',')]
}

/* ---- what sharp calls otherwise ---- */

const GRAVITIES = {
  centre: 'center', top: 'north', right: 'east', bottom: 'south', left: 'west',
  'right top': 'northeast', 'right bottom': 'southeast', 'left bottom': 'southwest', 'left top': 'northwest',
  'top right': 'northeast', 'bottom right': 'southeast', 'bottom left': 'southwest', 'top left': 'northwest'
}
const gravity = (name) => GRAVITIES[name] ?? name

const FILTERS = { cubic: 'catmull-rom' }
const SPACES = { 'b-w': 'gray', grey: 'gray', 'display-p3': 'p3' }
const BORDERS = { copy: 'edge', mirror: 'mirror', background: 'background' }

function refuse(step, options, names) {
  for (const name of names) {
    if (options[name] !== undefined) throw new UnsupportedError(`${step}: the option ${name} has no counterpart here`)
  }
}

/** A boolean that turns a step off, as `flip(false)` does. */
const unless = (name) => (on = true) => (on === false ? [] : [[name]])

/** Pixels as a PAM file, which any step can read: a head, and samples of 16 bits with the high byte first. */
function pamOf({ width, height, channels, depth }, bytes, wide) {
  const whole = [width, height].every((number) => Number.isInteger(number) && number > 0) && [1, 2, 3, 4].includes(channels)
  const size = wide ? 2 : 1
  if (!whole || (depth !== undefined && depth !== (wide ? 'ushort' : 'uchar')) || bytes.byteLength !== width * height * channels * size) {
    throw new InvalidError('composite: raw needs width, height and channels (1 to 4) of as many pixels as there are, of 8 or 16 bits')
  }
  const head = `P7\nWIDTH ${width}\nHEIGHT ${height}\nDEPTH ${channels}\nMAXVAL ${wide ? 65535 : 255}\nENDHDR\n`
  const file = Buffer.concat([Buffer.from(head, 'latin1'), bytes])
  if (wide && endianness() === 'LE') file.subarray(head.length).swap16()
  return file
}

/** What is put on top: a path, or bytes of a file or of pixels. */
function overlay(input, raw) {
  if (typeof input === 'string' && input !== '') return input
  if (input instanceof URL && input.protocol === 'file:') return fileURLToPath(input)
  if (!ArrayBuffer.isView(input) && !(input instanceof ArrayBuffer) && !(input instanceof SharedArrayBuffer)) {
    throw new InvalidError('composite: input is the path of a file, or its bytes', { code: 'INVALID_TYPE' })
  }
  return raw ? pamOf(raw, stableBytes(input), input instanceof Uint16Array || raw.depth === 'ushort') : stableBytes(input)
}

/** Each gives a list of [step, parameters]; numbers of 0…255, as sharp has them, become those of 0…1. */
const sharp = {
  resize(width, height, options = {}) {
    const all = isObject(width) ? { ...width } : { width: width ?? undefined, height: height ?? undefined, ...options }
    const { position, withoutEnlargement, withoutReduction, fastShrinkOnLoad, ...params } = all
    refuse('resize', { withoutReduction: withoutReduction || undefined }, ['withoutReduction'])
    if (position !== undefined) params.gravity = position
    if (params.gravity !== undefined) params.gravity = gravity(params.gravity)
    if (withoutEnlargement !== undefined) params.enlarge = !withoutEnlargement
    if (params.kernel !== undefined) params.kernel = FILTERS[params.kernel] ?? params.kernel
    if (params.width && params.height && params.fit === undefined) params.fit = 'cover'
    return [['resize', params]]
  },
  rotate(angle, options = {}) {
    if (isObject(angle)) return [['rotate', angle]]
    return angle === undefined ? [] : [['rotate', { angle: angle % 360, ...options }]]
  },
  flip: unless('flip'),
  flop: unless('flop'),
  extract({ left, top, width, height }) {
    return [['crop', { x: left, y: top, width, height }]]
  },
  trim(options = {}) {
    const { threshold = 10, lineArt, ...params } = isObject(options) ? options : { threshold: options }
    refuse('trim', { lineArt: lineArt || undefined }, ['lineArt'])
    return [['trim', { threshold: threshold / 255, ...params }]]
  },
  extend(options) {
    if (!isObject(options)) options = { top: options, right: options, bottom: options, left: options }
    const { extendWith, ...params } = options
    if (extendWith !== undefined) params.mode = BORDERS[extendWith] ?? extendWith
    return [['extend', params]]
  },
  flatten(options = {}) {
    if (typeof options === 'boolean') return options ? [['flatten']] : []
    return [['flatten', options]]
  },
  negate(options = {}) {
    if (options === false) return []
    if (options.alpha === true) throw new UnsupportedError('negate: alpha always stays as it is')
    return [['negate']]
  },
  normalise: (options = {}) => [['normalise', options]],
  threshold(level = 128, options = {}) {
    if (isObject(level)) return [['threshold', level]]
    const gray = options.greyscale ?? options.grayscale ?? true
    return [...(gray ? [['grayscale']] : []), ['threshold', { level: level / 255 }]]
  },
  tint: (color) => [['tint', isObject(color) && color.color !== undefined ? color : { color }]],
  linear(multiplier = 1, offset = 0) {
    if (Array.isArray(multiplier) || Array.isArray(offset)) {
      throw new UnsupportedError('linear: one number for all channels')
    }
    return [['linear', isObject(multiplier) ? multiplier : { multiplier: multiplier ?? 1, offset: offset / 255 }]]
  },
  modulate(options = {}) {
    const { hue, lightness, ...params } = options
    if (hue !== undefined) params.hue = hue % 360
    if (lightness !== undefined) params.lightness = lightness / 100
    return [['modulate', params]]
  },
  sharpen(options = {}) {
    const params = isObject(options) ? options : { sigma: options }
    refuse('sharpen', params, ['m1', 'm2', 'x1', 'y2', 'y3'])
    return [['sharpen', params]]
  },
  blur: (options) => [['blur', options]],
  gamma: (options) => [['gamma', options]],
  grayscale: (options) => (options === false ? [] : [['grayscale', options === true ? undefined : options]]),
  composite(images) {
    const list = Array.isArray(images) ? images : [images]
    return list.map(({ input, raw, top, left, density, premultiplied, gravity: where, ...params }) => {
      const file = overlay(input ?? params.file, raw)
      refuse('composite', { density, premultiplied: premultiplied || undefined }, ['density', 'premultiplied'])
      if (top !== undefined || left !== undefined) {
        return ['composite', { ...params, file, gravity: 'northwest', x: left ?? 0, y: top ?? 0 }]
      }
      return ['composite', { ...params, file, gravity: gravity(where) }]
    })
  },
  toColourspace: (space) => [['colorspace', { to: SPACES[space] ?? space }]]
}

const ALIASES = {
  normalize: 'normalise', greyscale: 'grayscale', toColorspace: 'toColourspace'
}

/**
 * Gives a class the method of every step. `add(self, words)` notes one.
 */
function defineSteps(prototype, add) {
  const define = (name, lower) => {
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(...args) {
        for (const [step, params] of lower(...args)) add(this, stepWords(step, params))
        return this
      }
    })
  }
  for (const name of table.keys()) {
    if (name === 'kernel') continue // (module, params)
    define(name, sharp[name] ?? ((params) => [[name, params]]))
  }
  for (const name of Object.keys(sharp)) if (!table.has(name)) define(name, sharp[name])
  for (const [alias, name] of Object.entries(ALIASES)) prototype[alias] = prototype[name]
}

module.exports = { table, stepWords, kernelWords, defineSteps, isObject, stableBytes }
