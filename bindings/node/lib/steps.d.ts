// SPDX-License-Identifier: Apache-2.0
// Made by tools/types.mjs from the library's table of steps: do not edit.

/** A colour: #RRGGBB, #RRGGBBAA, a name, or its parts of 0 to 255 and alpha of 0 to 1. */
export type Color = string | { r?: number; g?: number; b?: number; alpha?: number }

/** Changes the size. */
export interface ResizeParams {
  /** columns, 1 to 2147483647 px */
  width?: number
  /** rows, 1 to 2147483647 px */
  height?: number
  /** of both, instead of width and height, 0.001 to 100000 % */
  percent?: number
  /** at most so many, instead of width and height, 0.000001 to 4000 Mpx */
  megapixels?: number
  /** inside: as large as fits; outside: as small as covers; cover: cut to fill; contain: padded; fill: distorted */
  fit?: 'inside' | 'outside' | 'cover' | 'contain' | 'fill'
  /** which part cover keeps, where contain puts the image */
  gravity?: 'center' | 'north' | 'northeast' | 'east' | 'southeast' | 'south' | 'southwest' | 'west' | 'northwest' | 'entropy' | 'attention'
  /** whether a smaller image is made larger */
  enlarge?: boolean
  /** the filter */
  kernel?: 'nearest' | 'linear' | 'catmull-rom' | 'mitchell' | 'lanczos2' | 'lanczos3'
  /** in linear light */
  linear?: boolean
  /** what contain pads with: default: transparent where the image has alpha, else output.background */
  background?: Color
}

/** Keeps a rectangle. */
export interface CropParams {
  /** columns kept; default: all from x on, 1 to 2147483647 px */
  width?: number
  /** rows kept; default: all from y on, 1 to 2147483647 px */
  height?: number
  /** left edge; default: by gravity, 0 to 2147483647 px */
  x?: number
  /** upper edge; default: by gravity, 0 to 2147483647 px */
  y?: number
  /** the part that is kept, where x and y do not say */
  gravity?: 'center' | 'north' | 'northeast' | 'east' | 'southeast' | 'south' | 'southwest' | 'west' | 'northwest'
}

/** Turns the image. */
export interface RotateParams {
  /** clockwise, -360 to 360 degrees */
  angle?: number
  /** the filter, where the angle is no multiple of 90 */
  kernel?: 'linear' | 'catmull-rom'
  /** what is beside the image: default: transparent where the image has alpha, else output.background */
  background?: Color
}

/** Mirrors top to bottom. */
export interface FlipParams {
}

/** Mirrors left to right. */
export interface FlopParams {
}

/** Adds a border. */
export interface ExtendParams {
  /** rows added above, 0 to 2147483647 px */
  top?: number
  /** columns added, 0 to 2147483647 px */
  right?: number
  /** rows added below, 0 to 2147483647 px */
  bottom?: number
  /** columns added, 0 to 2147483647 px */
  left?: number
  /** what is added: a colour, the edge's pixels repeated, or the image mirrored */
  mode?: 'background' | 'edge' | 'mirror'
  /** the colour: default: transparent where the image has alpha, else output.background */
  background?: Color
}

/** Cuts off a border of one colour. */
export interface TrimParams {
  /** how far a sample may be from the border's colour, 1 being white, 0 to 1 */
  threshold?: number
  /** the border's colour; default: that of the pixel at the top left */
  background?: Color
}

/** Scales and cuts to the most telling part. */
export interface SmartcropParams {
  /** columns, 1 to 2147483647 px */
  width?: number
  /** rows, 1 to 2147483647 px */
  height?: number
  /** what is kept: the most different tones, or what draws the eye */
  strategy?: 'entropy' | 'attention'
}

/** Puts another image on top. */
export interface CompositeParams {
  /** the image that is put over this one */
  file?: string
  /** where it lies */
  gravity?: 'center' | 'north' | 'northeast' | 'east' | 'southeast' | 'south' | 'southwest' | 'west' | 'northwest'
  /** from there to the right, -2147483647 to 2147483647 px */
  x?: number
  /** from there downwards, -2147483647 to 2147483647 px */
  y?: number
  /** whether it is repeated over the whole image */
  tile?: boolean
  /** its alpha times this, 0 to 1 */
  opacity?: number
  /** what becomes of two colours */
  blend?: 'over' | 'multiply' | 'screen' | 'add' | 'darken' | 'lighten'
}

/** Colours to another space, by the image's profile. */
export interface ColorspaceParams {
  /** the space; keep: as the file says; gray: luminance of sRGB */
  to?: 'srgb' | 'p3' | 'keep' | 'gray'
}

/** Alpha over a colour. */
export interface FlattenParams {
  /** the colour; default: output.background */
  background?: Color
}

/** Gaussian blur. */
export interface BlurParams {
  /** of the Gaussian, 0.3 to 50 px */
  sigma?: number
}

/** Unsharp mask. */
export interface SharpenParams {
  /** of the detail that is added, 0 to 10 */
  amount?: number
  /** of the Gaussian that the detail is what is above, 0.3 to 10 px */
  sigma?: number
}

/** Brightness, saturation, hue. */
export interface ModulateParams {
  /** all samples times this, 0 to 10 */
  brightness?: number
  /** what is not gray times this, 0 to 10 */
  saturation?: number
  /** turns the colours, -360 to 360 degrees */
  hue?: number
  /** added to all samples, 1 being white, -1 to 1 */
  lightness?: number
}

/** The hue of a colour, luma kept. */
export interface TintParams {
  /** whose hue and saturation the middle tones get */
  color?: Color
}

/** Multiplies and adds. */
export interface LinearParams {
  /** of each colour sample, -1000 to 1000 */
  multiplier?: number
  /** added to it, 1 being white, -1000 to 1000 */
  offset?: number
}

/** Bends the tones. */
export interface GammaParams {
  /** v ^ (1 / gamma): above 1 brightens, 0.1 to 10 */
  gamma?: number
}

/** Stretches the tones to black and white. */
export interface NormaliseParams {
  /** share of the pixels that may become black, 0 to 99 % */
  lower?: number
  /** share of the pixels that stay below white, 1 to 100 % */
  upper?: number
}

/** Each sample black or white. */
export interface ThresholdParams {
  /** white from here on, 1 being white, 0 to 1 */
  level?: number
}

/** Negative colours. */
export interface NegateParams {
}

/** Luma alone. */
export interface GrayscaleParams {
  /** weights of the luma */
  standard?: 'rec709' | 'rec601'
}

/** Linear light to what a screen shows. */
export interface TonemapParams {
  /** how highlights are folded in; none: cut off at 1 */
  curve?: 'none' | 'aces' | 'filmic' | 'reinhard'
  /** stops brighter (or, below 0, darker) before that, -32 to 32 stops */
  exposure?: number
  /** how the result is encoded */
  transfer?: 'srgb' | 'linear' | 'gamma'
  /** of transfer=gamma, 0.1 to 10 */
  gamma?: number
}

/** Colours by a table from a .cube file. */
export interface LutParams {
  /** a .cube file of 1 or 3 dimensions */
  file?: string
  /** what the table is for: values encoded as sRGB, or linear light; it gives encoded ones */
  input?: 'srgb' | 'linear'
  /** 1: all of the table, 0: nothing of it, 0 to 1 */
  strength?: number
}

/** Parameters of each step by its name. */
export interface Steps {
  resize: ResizeParams
  crop: CropParams
  rotate: RotateParams
  flip: FlipParams
  flop: FlopParams
  extend: ExtendParams
  trim: TrimParams
  smartcrop: SmartcropParams
  composite: CompositeParams
  colorspace: ColorspaceParams
  flatten: FlattenParams
  blur: BlurParams
  sharpen: SharpenParams
  modulate: ModulateParams
  tint: TintParams
  linear: LinearParams
  gamma: GammaParams
  normalise: NormaliseParams
  threshold: ThresholdParams
  negate: NegateParams
  grayscale: GrayscaleParams
  tonemap: TonemapParams
  lut: LutParams
  kernel: { module: string; params?: Record<string, number> }
}
