// SPDX-License-Identifier: Apache-2.0
import test from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import smalti from '../lib/index.mjs'
import { folder, png, samples } from './images.mjs'

const input = png(60, 40)
const pixels = async (image) => {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  return { data, shape: [info.width, info.height, info.channels] }
}
const same = async (one, other) => {
  const [a, b] = [await pixels(one), await pixels(other)]
  assert.deepEqual(a.shape, b.shape)
  assert.ok(a.data.equals(b.data))
}

test('every step of the library is a method', () => {
  for (const { name } of smalti.steps()) assert.equal(typeof smalti(input)[name], 'function', name)
})

test('the types of steps are those of the library', () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../tools/types.mjs', import.meta.url)), '--check'])
})

test('resize has the arguments of sharp, and cuts when both sides are given', async () => {
  assert.deepEqual((await pixels(smalti(input).resize(30))).shape, [30, 20, 3])
  assert.deepEqual((await pixels(smalti(input).resize(null, 10))).shape, [15, 10, 3])
  assert.deepEqual((await pixels(smalti(input).resize(20, 20))).shape, [20, 20, 3])
  assert.deepEqual((await pixels(smalti(input).resize(20, 20, { fit: 'inside' }))).shape, [20, 13, 3])
  assert.deepEqual((await pixels(smalti(input).resize({ width: 120, withoutEnlargement: true }))).shape, [60, 40, 3])
  assert.deepEqual((await pixels(smalti(input).resize({ percent: 50 }))).shape, [30, 20, 3])
  await same(smalti(input).resize(20, 20, { position: 'right top' }), smalti(input).step('resize', { width: 20, height: 20, fit: 'cover', gravity: 'northeast' }))
  await same(smalti(input).resize(30, null, { kernel: 'cubic' }), smalti(input).resize({ width: 30, kernel: 'catmull-rom' }))
})

test('turns and mirrors', async () => {
  assert.deepEqual((await pixels(smalti(input).rotate(90))).shape, [40, 60, 3])
  await same(smalti(input).rotate(450), smalti(input).rotate(90))
  await same(smalti(input).rotate(), smalti(input).flip(false))
  await same(smalti(input).flip().flop(), smalti(input).rotate(180))
})

test('numbers of 0 to 255 mean what they mean in sharp', async () => {
  const gray = (values) => samples(values.length, 1, 1, (x) => [values[x]])
  const image = () => smalti(gray([0, 99, 100, 101, 255]), { raw: { width: 5, height: 1, channels: 1 } })
  assert.deepEqual([...(await pixels(image().threshold(100))).data], [0, 0, 255, 255, 255])
  assert.deepEqual([...(await pixels(image().threshold({ level: 100 / 255 }))).data], [0, 0, 255, 255, 255])
  assert.deepEqual([...(await pixels(image().linear(1, 5))).data], [5, 104, 105, 106, 255])
  assert.deepEqual([...(await pixels(image().linear({ offset: 5 / 255 }))).data], [5, 104, 105, 106, 255])
  assert.deepEqual([...(await pixels(image().negate())).data], [255, 156, 155, 154, 0])
})

test('borders, crops and colours', async () => {
  const made = await pixels(smalti(png(2, 2, { pixel: () => [1, 2, 3] })).extend({ top: 1, left: 2, background: { r: 9, g: 8, b: 7 } }))
  assert.deepEqual(made.shape, [4, 3, 3])
  assert.deepEqual([...made.data.subarray(0, 3)], [9, 8, 7])
  assert.deepEqual([...made.data.subarray(-3)], [1, 2, 3])
  await same(smalti(input).extend({ top: 3, bottom: 2, left: 1, right: 4, background: '#f00' }).trim({ background: 'red' }), smalti(input))
  await same(smalti(input).extract({ left: 3, top: 4, width: 10, height: 5 }), smalti(input).crop({ x: 3, y: 4, width: 10, height: 5 }))
  const clear = png(4, 4, { channels: 4, pixel: () => [200, 100, 50, 0] })
  assert.deepEqual([...(await pixels(smalti(clear).flatten({ background: 'lime' }))).data.subarray(0, 3)], [0, 255, 0])
  assert.deepEqual((await pixels(smalti(input).greyscale())).shape, [60, 40, 1])
  assert.throws(() => smalti(input).tint('reddish'), smalti.InvalidError)
})

test('a watermark, whatever its file is called', async (t) => {
  const { add } = folder(t)
  const file = add('a,b=c\\,.png', png(2, 2, { pixel: () => [255, 0, 0] }))
  const { data } = await pixels(smalti(input).composite([{ input: file, left: 3, top: 1 }]))
  assert.deepEqual([...data.subarray((60 + 3) * 3, (60 + 3) * 3 + 3)], [255, 0, 0])
  assert.throws(() => smalti(input).composite([{ input: 3 }]), smalti.InvalidError)
})

test('bytes and pixels on top, like a file', async (t) => {
  const bytes = png(7, 5, { channels: 4, pixel: (x, y) => [x * 30, y * 40, 9, 128 + x] })
  const file = folder(t).add('top.png', bytes)
  const at = { left: 3, top: 1 }
  const wanted = await pixels(smalti(input).composite([{ input: file, ...at }]))
  const raw = { width: 7, height: 5, channels: 4 }
  const pixelsOnTop = samples(7, 5, 4, (x, y) => [x * 30, y * 40, 9, 128 + x])
  const sized = new Uint8Array(bytes.length + 4)
  sized.set(bytes, 4)
  for (const top of [{ input: bytes }, { input: sized.subarray(4) }, { input: pixelsOnTop, raw }, { input: pathToFileURL(file) }]) {
    const made = await pixels(smalti(input).composite([{ ...top, ...at }]))
    assert.ok(made.data.equals(wanted.data))
  }
  const gray = Uint16Array.from({ length: 12 }, (_, i) => i * 257 * 20) // of 16 bits, which 8 bits hold
  const small = { width: 4, height: 3, channels: 1 }
  const [wide, narrow] = await Promise.all([
    pixels(smalti(input).composite({ input: gray, raw: small, ...at })),
    pixels(smalti(input).composite({ input: Uint8Array.from(gray, (value) => value / 257), raw: small, ...at }))
  ])
  assert.ok(wide.data.equals(narrow.data) && !wide.data.equals(await smalti(input).raw().toBuffer()))
  const isolated = await smalti(input, { isolate: true }).composite([{ input: bytes, ...at }, { input: bytes, left: 20, top: 9 }]).png().toBuffer()
  assert.ok(isolated.equals(await smalti(input).composite([{ input: file, ...at }, { input: file, left: 20, top: 9 }]).png().toBuffer()))
  const { results } = await smalti.processBatch([input, input, input], smalti({ isolate: true }).composite({ input: bytes, ...at }).png())
  assert.ok(results.every(({ data }) => data.equals(results[0].data)) && (await pixels(smalti(results[0].data))).data.equals(wanted.data))
  const branch = smalti(input).composite({ input: bytes, ...at })
  const [one, two] = await Promise.all([branch.clone().flop().png().toBuffer(), branch.clone().composite({ input: bytes }).png().toBuffer()])
  assert.ok(one.length && two.length)
})

test('bytes on top that are no image are told as that', async () => {
  for (const isolate of [false, true]) {
    const made = smalti(input, { isolate }).composite({ input: Buffer.from('no image') }).png().toBuffer()
    await assert.rejects(made, (error) => error instanceof smalti.FormatError && /^(input: )?the input of composite: /.test(error.message))
  }
  const raw = { width: 2, height: 2, channels: 3 }
  assert.throws(() => smalti(input).composite({ input: Buffer.alloc(11), raw }), smalti.InvalidError)
  assert.throws(() => smalti(input).composite({ input: Buffer.alloc(12), raw: { ...raw, channels: 5 } }), smalti.InvalidError)
})

test('options of formats', async () => {
  const metadata = async (image) => smalti(await image.toBuffer()).metadata()
  const jpeg = await metadata(smalti(input).jpeg({ quality: 90, chromaSubsampling: '4:4:4', progressive: true }))
  assert.deepEqual([jpeg.format, jpeg.chromaSubsampling, jpeg.isProgressive], ['jpeg', '4:4:4', true])
  assert.equal((await metadata(smalti(input).png({ palette: true, colours: 4 }))).isPalette, true)
  assert.equal((await metadata(smalti(input).webp({ lossless: true }))).compression, 'lossless')
  assert.equal((await metadata(smalti(input).tiff({ compression: 'deflate' }))).compression, 'deflate')
  assert.equal((await metadata(smalti(input).toFormat('avif', { effort: 0 }))).format, 'avif')
  const small = await smalti(input).jpeg({ maxBytes: 1500 }).toBuffer()
  assert.ok(small.length <= 1500)
  assert.throws(() => smalti(input).toFormat('gif'), smalti.UnsupportedError)
  await assert.rejects(smalti(input).jpeg({ smoothness: 3 }).toBuffer(), { name: 'InvalidError', code: 'INVALID_KEY' })
})
