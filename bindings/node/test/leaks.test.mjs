// SPDX-License-Identifier: Apache-2.0
import test from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { kindsOf, runs, snapshot } from '../bench/leaks.mjs'

const RUNS = 2000
const MB = 1e6

test('nothing stays behind of outputs of any kind, whether they succeed, fail or are cancelled', { skip: !globalThis.gc }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'smalti-leaks-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const kind = kindsOf(folder)
  await runs(kind, 0, 300)
  const before = await snapshot()
  await runs(kind, 300, 300 + RUNS)
  const after = await snapshot()
  const text = JSON.stringify({ before, after })
  assert.ok(after.descriptors <= before.descriptors, text)
  assert.ok(after.threads <= before.threads, text)
  assert.ok(after.resources <= before.resources, text)
  assert.ok(after.heapUsed - before.heapUsed < 2 * MB, text)
  assert.ok(after.external + after.arrayBuffers - before.external - before.arrayBuffers < MB, text)
  assert.ok(after.rest - before.rest < 40 * MB, text) // 20 kB of each would be seen
})
