// SPDX-License-Identifier: Apache-2.0
// Pictures for the measurements: like photographs in what they cost to decode.
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import smalti from '../lib/index.mjs'

/** Smooth light with grain, as samples of 8 bits. */
function scene(width, height, seed) {
  const data = Buffer.alloc(width * height * 3)
  let noise = (seed * 2654435761 + 1) >>> 0
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0
      const light = 90 + 70 * Math.sin((x + seed * 37) / 61) * Math.cos((y - seed * 11) / 47) + (noise >>> 28)
      data[at++] = light
      data[at++] = light * 0.8 + 20
      data[at++] = 200 - light * 0.6
    }
  }
  return data
}

/** count JPEGs of 1200×800, made once. */
export async function photographs(folder, count) {
  mkdirSync(folder, { recursive: true })
  const files = Array.from({ length: count }, (_, i) => path.join(folder, `${String(i).padStart(4, '0')}.jpg`))
  const raw = { width: 1200, height: 800, channels: 3 }
  for (const [i, file] of files.entries()) {
    if (!existsSync(file)) await smalti(scene(1200, 800, i), { raw }).jpeg({ quality: 90 }).toFile(file)
  }
  return files
}

/** One large PNG. */
export async function largePng(file, width = 6000, height = 4000) {
  if (!existsSync(file)) await smalti(scene(width, height, 3), { raw: { width, height, channels: 3 } }).png({ effort: 1 }).toFile(file)
  return file
}
