// SPDX-License-Identifier: Apache-2.0
// Usage: node tools/types.mjs [--check]  Writes lib/steps.d.ts from the library's table of steps; with --check says whether it
// is what would be written.
import { readFileSync, writeFileSync } from 'node:fs'
import smalti from '../lib/index.js'

const file = new URL('../lib/steps.d.ts', import.meta.url)
const TYPES = { number: 'number', integer: 'number', flag: 'boolean', color: 'Color', text: 'string' }

const pascal = (name) => name[0].toUpperCase() + name.slice(1)
const typeOf = (param) =>
  param.type === 'choice' ? param.choices.split('|').map((choice) => `'${choice}'`).join(' | ') : TYPES[param.type]

function rangeOf(param) {
  if (param.min === undefined) return ''
  return `, ${param.min} to ${param.max}${param.unit ? ` ${param.unit}` : ''}`
}

function interfaceOf(step) {
  const lines = step.params.map((param) => `  /** ${param.summary}${rangeOf(param)} */\n  ${param.name}?: ${typeOf(param)}\n`)
  return `/** ${pascal(step.summary)}. */\nexport interface ${pascal(step.name)}Params {\n${lines.join('')}}\n`
}

function text() {
  const steps = smalti.steps().filter((step) => step.name !== 'kernel')
  const map = steps.map((step) => `  ${step.name}: ${pascal(step.name)}Params\n`).join('')
  return `// SPDX-License-Identifier: Apache-2.0
// Made by tools/types.mjs from the library's table of steps: do not edit.

/** A colour: #RRGGBB, #RRGGBBAA, a name, or its parts of 0 to 255 and alpha of 0 to 1. */
export type Color = string | { r?: number; g?: number; b?: number; alpha?: number }

${steps.map(interfaceOf).join('\n')}
/** Parameters of each step by its name. */
export interface Steps {
${map}  kernel: { module: string; params?: Record<string, number> }
}
`
}

if (process.argv[2] === '--check') {
  if (readFileSync(file, 'utf8') !== text()) {
    console.error('lib/steps.d.ts is not what the library says: npm run types')
    process.exit(1)
  }
} else {
  writeFileSync(file, text())
}
