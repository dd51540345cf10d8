// SPDX-License-Identifier: Apache-2.0
// Types of the package. Steps are typed by steps.d.ts, which is made from the library's table.
import { Duplex, Readable } from 'node:stream'
import {
  BlurParams, Color as AnyColor, ColorspaceParams, CropParams, FlattenParams, GammaParams, GrayscaleParams, LinearParams, LutParams,
  ModulateParams, NormaliseParams, ResizeParams, RotateParams, SharpenParams, SmartcropParams, Steps as AllSteps, ThresholdParams,
  TintParams, TonemapParams
} from './steps'

declare function smalti(input?: smalti.Input | smalti.Options, options?: smalti.Options): smalti.Smalti

declare namespace smalti {
  type Color = AnyColor
  type Steps = AllSteps

  /** A path (or file: URL), bytes of a file, or a stream of them. Bytes may not change until the output is there. */
  type Input = string | URL | ArrayBuffer | SharedArrayBuffer | NodeJS.ArrayBufferView | Readable | AsyncIterable<Uint8Array>

  type Format = 'png' | 'jpeg' | 'webp' | 'avif' | 'tiff' | 'pnm' | 'exr'
  type Depth = 'uchar' | 'ushort' | 'half' | 'float'

  /** Work in jailed processes of its own: true, or how. */
  type Isolation =
    | boolean
    | {
        /** A part of the jail that the system lacks is an error, not a warning. Default false. */
        requireJail?: boolean
        /** Another worker program than that of the package. */
        program?: string
      }

  interface Options {
    /** Turned upright by EXIF orientation; default true. */
    autoOrient?: boolean
    /** 'none' keeps what can be decoded of a damaged file. */
    failOn?: 'none' | 'truncated' | 'error' | 'warning'
    /** Largest image in pixels; false: no limit. */
    limitInputPixels?: number | false
    unlimited?: boolean
    /** All frames of an animation. */
    animated?: boolean
    pages?: number
    /** The input is pixels, not a file. */
    raw?: { width: number; height: number; channels: 1 | 2 | 3 | 4; depth?: 'uchar' | 'ushort' | 'float' }
    /** Memory budget of an output in bytes; half of it is the most that is read of a stream. */
    memory?: number
    /** Other limits of a job, in camel case: preset, pixels, frames, taskMs, kernelMs, … */
    limits?: Record<string, string | number>
    /** Other keys of a job's input, in camel case: layer, part, view, … */
    input?: Record<string, string | number | boolean>
    sequentialRead?: boolean
    /** Decoding, steps and encoding in a jailed process. Default false. */
    isolate?: Isolation
  }

  interface OutputOptions {
    quality?: number
    /** The best quality whose file is not larger. */
    maxBytes?: number
    /** The lowest quality that scores so much by SSIMULACRA 2. */
    targetQuality?: number
    lossless?: boolean
    background?: Color
    metadata?: 'icc' | 'all' | 'none'
    depth?: 8 | 16
    overwrite?: boolean
  }
  interface JpegOptions extends OutputOptions {
    progressive?: boolean
    chromaSubsampling?: '4:2:0' | '4:2:2' | '4:4:4'
    optimizeCoding?: boolean
    optimiseCoding?: boolean
    mozjpeg?: boolean
  }
  interface PngOptions extends OutputOptions {
    compressionLevel?: number
    effort?: number
    palette?: boolean
    colors?: number
    colours?: number
    dither?: number
    bitdepth?: 8 | 16
  }
  interface WebpOptions extends OutputOptions {
    effort?: number
  }
  interface AvifOptions extends OutputOptions {
    effort?: number
    chromaSubsampling?: '4:2:0' | '4:2:2' | '4:4:4'
  }
  interface TiffOptions extends OutputOptions {
    compression?: 'lzw' | 'deflate' | 'packbits' | 'none'
    bitdepth?: 8 | 16
  }
  interface ExrOptions extends OutputOptions {
    compression?: 'zip' | 'zips' | 'none'
    samples?: 'auto' | 'half' | 'float'
  }

  /** What was written. */
  interface OutputInfo {
    format: Format | 'raw'
    width: number
    height: number
    /** Bytes. */
    size: number
    /** That it was encoded with, also where it was searched for; 0: lossless. */
    quality?: number
    score?: number
    /** Of pixels. */
    channels?: 1 | 2 | 3 | 4
    depth?: Depth
    path?: string
  }

  /** What it took. Times are milliseconds. */
  interface Metrics {
    wallMs: number
    cpuMs: number
    readMs: number
    decodeMs: number
    kernelMs: number
    stepMs: number
    encodeMs: number
    writeMs: number
    warnings: number
    pixels: number
    bytesIn: number
    bytesOut: number
    strips: number
    copiedRows: number
    copiedBytes: number
    convertedBytes: number
    haloBytes: number
    allocations: number
    peakBytes: number
  }

  interface Metadata {
    format: Format | 'gif'
    width: number
    height: number
    channels: 1 | 2 | 3 | 4
    space: 'srgb' | 'b-w' | 'cmyk' | 'lab'
    color: string
    depth: Depth
    bitsPerSample: number
    chromaSubsampling?: string
    compression?: string
    isProgressive: boolean
    isPalette: boolean
    hasAlpha: boolean
    hasProfile: boolean
    orientation: number
    pages?: number
    loop?: number
    durationMs?: number
    size: number
    decodedBytes: number
    iccBytes: number
    exifBytes: number
    xmpBytes: number
    autoOrient: { width: number; height: number }
  }

  interface ChannelStats {
    min: number
    max: number
    mean: number
    stdev: number
    /** 256 counts. */
    histogram: number[]
  }

  /** In 8-bit levels, whatever the samples are. */
  interface Stats {
    channels: ChannelStats[]
    isOpaque: boolean
    entropy: number
    sharpness: number
  }

  interface SignalOptions {
    signal?: AbortSignal
  }

  interface ResizeOptions extends Omit<ResizeParams, 'gravity' | 'kernel'> {
    position?: string
    gravity?: string
    kernel?: ResizeParams['kernel'] | 'cubic'
    withoutEnlargement?: boolean
    fastShrinkOnLoad?: boolean
  }

  interface CompositeImage {
    /** The image on top: a path or file: URL, bytes of a file, or pixels of 8 or 16 bits with raw. */
    input: string | URL | ArrayBuffer | SharedArrayBuffer | NodeJS.ArrayBufferView
    raw?: { width: number; height: number; channels: 1 | 2 | 3 | 4; depth?: 'uchar' | 'ushort' }
    gravity?: string
    top?: number
    left?: number
    tile?: boolean
    opacity?: number
    blend?: 'over' | 'multiply' | 'screen' | 'add' | 'darken' | 'lighten'
  }

  class Smalti extends Duplex {
    clone(): Smalti
    step<Name extends keyof Steps>(name: Name, params?: Steps[Name] | string | number): this
    kernel(module: string, params?: Record<string, number>): this
    autoOrient(): this

    resize(options: ResizeOptions): this
    resize(width?: number | null, height?: number | null, options?: ResizeOptions): this
    rotate(angle?: number | RotateParams, options?: { background?: Color }): this
    flip(on?: boolean): this
    flop(on?: boolean): this
    crop(params: CropParams): this
    extract(region: { left: number; top: number; width: number; height: number }): this
    smartcrop(params: SmartcropParams): this
    /** threshold: 0 to 255, default 10. */
    trim(options?: number | { threshold?: number; background?: Color }): this
    extend(
      border:
        | number
        | {
            top?: number
            right?: number
            bottom?: number
            left?: number
            extendWith?: 'background' | 'copy' | 'mirror'
            background?: Color
          }
    ): this
    flatten(options?: boolean | FlattenParams): this
    composite(images: CompositeImage | CompositeImage[]): this
    colorspace(params?: ColorspaceParams | ColorspaceParams['to']): this
    toColourspace(space: string): this
    toColorspace(space: string): this
    blur(options?: number | BlurParams): this
    sharpen(options?: number | SharpenParams): this
    modulate(options?: ModulateParams): this
    tint(color: Color | TintParams): this
    /** offset: in levels of 0 to 255. */
    linear(multiplier?: number | null | LinearParams, offset?: number): this
    gamma(gamma?: number | GammaParams): this
    normalise(options?: NormaliseParams): this
    normalize(options?: NormaliseParams): this
    /** level: 0 to 255, default 128; of the luma unless greyscale is false. */
    threshold(level?: number | ThresholdParams, options?: { greyscale?: boolean; grayscale?: boolean }): this
    negate(options?: boolean | { alpha?: false }): this
    grayscale(options?: boolean | GrayscaleParams): this
    greyscale(options?: boolean | GrayscaleParams): this
    tonemap(options?: TonemapParams | TonemapParams['curve']): this
    lut(file: string | LutParams): this

    jpeg(options?: JpegOptions): this
    jpg(options?: JpegOptions): this
    png(options?: PngOptions): this
    webp(options?: WebpOptions): this
    avif(options?: AvifOptions): this
    tiff(options?: TiffOptions): this
    exr(options?: ExrOptions): this
    pnm(options?: OutputOptions): this
    raw(): this
    toFormat(format: Format | 'jpg' | 'raw' | { id: string }, options?: OutputOptions & Record<string, unknown>): this
    output(options: OutputOptions & Record<string, unknown>): this
    set(key: string, value: string | number | boolean): this
    keepMetadata(): this
    keepIccProfile(): this
    removeMetadata(): this
    timeout(options: { seconds: number }): this

    toFile(path: string, options?: SignalOptions): Promise<OutputInfo & { path: string }>
    toBuffer(options: SignalOptions & { resolveWithObject: true }): Promise<{ data: Buffer; info: OutputInfo }>
    toBuffer(options?: SignalOptions & { resolveWithObject?: false }): Promise<Buffer>
    toBufferWithMetrics(options?: SignalOptions): Promise<{ data: Buffer; info: OutputInfo; metrics: Metrics }>
    metadata(options?: SignalOptions): Promise<Metadata>
    stats(options?: SignalOptions): Promise<Stats>
  }

  interface BatchProgress {
    done: number
    skipped: number
    failed: number
    total: number
  }

  interface BatchOptions extends SignalOptions {
    /** Folder of the outputs; without it results have data. */
    dir?: string
    /** Names in dir: '{stem}{ext}'. */
    template?: string
    /** Images at a time; default: one for each processor. */
    concurrency?: number
    /** Memory budget of all in bytes. */
    memory?: number
    /** In worker processes, one for each lane; default: as the pipeline says. */
    isolate?: Isolation
    /** Called at most every 50 ms, and at the end. */
    onProgress?(progress: BatchProgress): void
    /** Other keys of a job's output, in camel case: skipExisting, overwrite, … */
    output?: Record<string, string | number | boolean>
  }

  interface BatchResult extends Partial<OutputInfo> {
    index: number
    status: 'done' | 'skipped' | 'failed'
    input?: string
    data?: Buffer
    error?: SmaltiError
    wallMs?: number
    cpuMs?: number
    peakBytes?: number
    metrics?: Metrics
  }

  function processBatch(
    inputs: string | Input[],
    pipeline: Smalti,
    options?: BatchOptions
  ): Promise<{ results: BatchResult[]; metrics: BatchProgress & Partial<Metrics> }>

  interface KernelParam {
    name: string
    summary?: string
    unit?: string
    integer: boolean
    min: number
    max: number
    default: number
  }
  interface Kernel {
    name: string
    version: string
    summary: string
    kind: 'tile' | 'measure' | 'command'
    source: string
    params: KernelParam[]
    values: string[]
  }
  function kernels(): Kernel[]
  function kernels(name: string): Kernel

  interface Step {
    name: string
    summary: string
    brief?: string
    params: {
      name: string
      summary: string
      type: 'number' | 'integer' | 'flag' | 'choice' | 'color' | 'text'
      unit?: string
      choices?: string
      default: number
      min?: number
      max?: number
    }[]
  }
  function steps(): Step[]
  function formats(): { name: string; input: boolean; output: boolean }[]
  function concurrency(threads?: number): number
  const version: string

  class SmaltiError extends Error {
    /** 'FORMAT_TRUNCATED', 'IO', … */
    code: string
    /** Byte in the input. */
    offset?: number
    /** Of the system, with its name. */
    errno?: number
    systemCode?: string
  }
  class InvalidError extends SmaltiError {}
  class FormatError extends SmaltiError {}
  class UnsupportedError extends SmaltiError {}
  class LimitError extends SmaltiError {}
  class MemoryError extends SmaltiError {}
  class IoError extends SmaltiError {}
  class KernelError extends SmaltiError {}
  class PeerError extends SmaltiError {}
  class CancelledError extends SmaltiError {}
}

export = smalti
