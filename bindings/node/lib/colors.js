// SPDX-License-Identifier: Apache-2.0
// Colours as the library wants them: RRGGBBAA.
'use strict'

const { InvalidError } = require('./errors')

// The sixteen names of HTML 4, orange, and none.
const NAMES = {
  black: '000000', silver: 'c0c0c0', gray: '808080', grey: '808080', white: 'ffffff', maroon: '800000', red: 'ff0000',
  purple: '800080', fuchsia: 'ff00ff', magenta: 'ff00ff', green: '008000', lime: '00ff00', olive: '808000', yellow: 'ffff00',
  navy: '000080', blue: '0000ff', teal: '008080', aqua: '00ffff', cyan: '00ffff', orange: 'ffa500', transparent: '00000000'
}

const byte = (value) => Math.round(Math.min(255, Math.max(0, value))).toString(16).padStart(2, '0')

/** @param {string | {r?: number, g?: number, b?: number, alpha?: number}} color */
function colorText(color) {
  if (color !== null && typeof color === 'object') {
    const { r = 0, g = 0, b = 0, alpha = 1 } = color
    if ([r, g, b, alpha].every(Number.isFinite)) return byte(r) + byte(g) + byte(b) + (alpha === 1 ? '' : byte(alpha * 255))
  } else if (typeof color === 'string') {
    const text = NAMES[color.toLowerCase()] ?? color.replace(/^#/, '')
    if (/^[0-9a-f]{3,4}$/i.test(text)) return [...text].map((digit) => digit + digit).join('')
    if (/^([0-9a-f]{6}|[0-9a-f]{8})$/i.test(text)) return text
  }
  const shown = typeof color === 'string' ? `"${color}"` : JSON.stringify(color)
  throw new InvalidError(`a colour is #RRGGBB, #RRGGBBAA, {r, g, b, alpha} or one of ${Object.keys(NAMES).join(', ')}, not ${shown}`, {
    code: 'INVALID_TYPE'
  })
}

module.exports = { colorText }
