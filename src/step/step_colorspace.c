/* SPDX-License-Identifier: Apache-2.0
 * The step that changes the space of colours: by the input's ICC profile, where it has one, to sRGB, Display P3, or the
 * luminance alone. */
#include "pixel/srgb.h"
#include "step/kinds.h"

enum { TO_SRGB, TO_P3, TO_KEEP, TO_GRAY };

static const smalti_step_param params[] = {
    {"to", "the space; keep: as the file says; gray: luminance of sRGB", SMALTI_STEP_CHOICE, NULL, 0, 0, TO_SRGB,
     "srgb|p3|keep|gray"},
};

typedef struct color_params {
    smalti__profile from;
    smalti__color_target target;
} color_params;

typedef struct color_stage {
    smalti__stage base;
    smalti__color *owned;       /* where there is no cache */
    const smalti__color *color; /* NULL: nothing is to be done */
    const smalti__srgb *srgb;
    uint8_t *strip, *row; /* row: in colours, before they become gray */
    size_t pitch;
    uint32_t rows;
} color_stage;

/* Of a matrix profile what its curves take, of tables what lcms2 makes of them; it has a limit of its own. */
static size_t color_bytes(const smalti__flow_setup *setup)
{
    return ((size_t)1 << 20) + 4 * (setup->icc_size < SMALTI__COLOR_MOST_BYTES ? setup->icc_size : 0);
}

static bool makes_gray(const smalti__node *node)
{
    return node->in.channels != node->out.channels;
}

/* ---- luminance ---- */

/* Of a colour in linear light, encoded again. */
static float luminance(float red, float green, float blue)
{
    return 0.2126f * red + 0.7152f * green + 0.0722f * blue;
}

static void gray_u8(const smalti__srgb *srgb, const uint8_t *src, uint8_t *dst, size_t width, size_t channels)
{
    for (size_t x = 0; x < width; x++, src += channels, dst += channels - 2) {
        dst[0] = smalti__srgb_encode_u8(srgb, luminance(srgb->u8[src[0]], srgb->u8[src[1]], srgb->u8[src[2]]));
        if (channels == 4)
            dst[1] = src[3];
    }
}

static void gray_u16(const smalti__srgb *srgb, const uint16_t *src, uint16_t *dst, size_t width, size_t channels)
{
    for (size_t x = 0; x < width; x++, src += channels, dst += channels - 2) {
        float y = luminance(smalti__srgb_decode_u16(srgb, src[0]), smalti__srgb_decode_u16(srgb, src[1]),
                            smalti__srgb_decode_u16(srgb, src[2]));
        dst[0] = (uint16_t)(smalti__srgb_encode_u16(srgb, y) + 0.5f);
        if (channels == 4)
            dst[1] = src[3];
    }
}

static void gray_f32(const float *src, float *dst, size_t width, size_t channels)
{
    for (size_t x = 0; x < width; x++, src += channels, dst += channels - 2) {
        dst[0] = smalti__srgb_encode(
            luminance(smalti__srgb_decode(src[0]), smalti__srgb_decode(src[1]), smalti__srgb_decode(src[2])));
        if (channels == 4)
            dst[1] = src[3];
    }
}

static void gray_row(const color_stage *self, const void *src, void *dst)
{
    const smalti__shape *in = &self->base.node->in;
    if (in->sample == SMALTI_SAMPLE_U8)
        gray_u8(self->srgb, src, dst, in->width, in->channels);
    else if (in->sample == SMALTI_SAMPLE_U16)
        gray_u16(self->srgb, src, dst, in->width, in->channels);
    else
        gray_f32(src, dst, in->width, in->channels);
}

/* ---- the stage ---- */

static void make_row(const color_stage *self, const void *src, uint8_t *dst)
{
    const smalti__node *node = self->base.node;
    bool gray = makes_gray(node);
    if (self->color)
        smalti__color_rows(self->color, src, 0, gray ? self->row : dst, 0, node->in.width, 1);
    if (gray)
        gray_row(self, self->color ? self->row : src, dst);
}

static smalti_result color_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    color_stage *self = (color_stage *)stage;
    if (!self->color && !makes_gray(stage->node))
        return smalti__stage_emit(stage, rows, pitch, count, error);
    for (uint32_t done = 0; done < count;) {
        uint32_t take = count - done < self->rows ? count - done : self->rows;
        for (uint32_t y = 0; y < take; y++)
            make_row(self, (const uint8_t *)rows + (done + y) * pitch, self->strip + y * self->pitch);
        SMALTI__TRY(smalti__stage_emit(stage, self->strip, self->pitch, take, error));
        done += take;
    }
    return SMALTI_OK;
}

static void color_close(smalti__stage *stage)
{
    color_stage *self = (color_stage *)stage;
    smalti__color_close(self->owned);
    smalti__pool_put(stage->setup->pool, self->strip);
    smalti__pool_put(stage->setup->pool, self->row);
    free(self);
}

/* Of a profile that is broken, or for other pixels, nothing is believed: they are sRGB's. */
static smalti_result open_color(color_stage *self, smalti_error *error)
{
    const smalti__node *node = self->base.node;
    const smalti__flow_setup *setup = self->base.setup;
    const color_params *params_of = (const color_params *)node->params;
    const smalti__color *color = NULL;
    const void *icc = setup->icc;
    size_t size = setup->icc_size;
    uint32_t channels = node->in.channels;
    smalti_result result = SMALTI_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        bool given = params_of->from == SMALTI__PROFILE_INPUT && icc && !attempt;
        bool wide = params_of->from == SMALTI__PROFILE_P3;
        if (!given && !wide && params_of->target == SMALTI__COLOR_SRGB)
            return SMALTI_OK;
        if (!given)
            smalti__color_profile(wide ? SMALTI__COLOR_P3 : SMALTI__COLOR_SRGB, channels, &icc, &size);
        if (setup->colors && given) { /* others would soon push its few out */
            result = smalti__color_cache_get(setup->colors, icc, size, channels, params_of->target, node->in.sample,
                                             &color, error);
        } else {
            result = smalti__color_open(icc, size, channels, params_of->target, node->in.sample, setup->pool,
                                        &self->owned, error);
            color = self->owned;
        }
        if (result == SMALTI_OK || result == SMALTI_E_NOMEM || !given)
            break;
        smalti__log(1, "the image's ICC profile is not used");
    }
    if (result == SMALTI_OK && !smalti__color_is_noop(color))
        self->color = color;
    return result;
}

static size_t row_bytes(const smalti__node *node)
{
    return makes_gray(node) ? smalti__row_pitch(&node->in) : 0;
}

static smalti_result color_node_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                      smalti_error *error)
{
    return smalti__rows_bytes(node, setup, color_bytes(setup) + row_bytes(node), bytes, error);
}

static smalti_result color_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti_error *error)
{
    static const smalti__stage_ops ops = {color_push, color_close, NULL, NULL};
    size_t strip = 0, row = row_bytes(node);
    SMALTI__TRY(smalti__rows_bytes(node, setup, 0, &strip, error));
    color_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    made->srgb = smalti__srgb_get();
    made->pitch = smalti__row_pitch(&node->out);
    made->rows = smalti__strip_rows(&node->out, setup->strip_rows);
    smalti_result result = open_color(made, error);
    if (result == SMALTI_OK && (!(made->strip = smalti__pool_get(setup->pool, strip)) ||
                                (row && !(made->row = smalti__pool_get(setup->pool, row)))))
        result = smalti__fail_nomem(error, strip + row);
    if (result < 0)
        color_close(&made->base);
    else
        *stage = &made->base;
    return result;
}

static void color_describe(const smalti__node *node, char *out, size_t out_size)
{
    const color_params *params_of = (const color_params *)node->params;
    snprintf(out, out_size, "%s",
             makes_gray(node)                          ? "luminance of sRGB"
             : params_of->target == SMALTI__COLOR_SRGB ? "sRGB"
                                                       : "Display P3");
}

static const smalti__node_kind node_color = {"colorspace", color_node_bytes, color_open, color_describe};

/* ---- linear light ---- */

typedef struct light_params {
    float matrix[3][3];
    bool gray; /* the first row alone */
} light_params;

static void light_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const light_params *params_of = (const light_params *)stage->node->params;
    const float(*m)[3] = params_of->matrix, *from = src;
    uint32_t channels = stage->node->in.channels, colors = params_of->gray ? 1 : 3;
    float *to = dst;
    (void)state;
    for (uint32_t x = 0; x < stage->node->in.width; x++, from += channels) {
        for (uint32_t c = 0; c < colors; c++)
            *to++ = m[c][0] * from[0] + m[c][1] * from[1] + m[c][2] * from[2];
        if (channels == 4)
            *to++ = from[3];
    }
}

static smalti_result light_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                 smalti_error *error)
{
    return smalti__rows_bytes(node, setup, 0, bytes, error);
}

static smalti_result light_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti_error *error)
{
    return smalti__rows_open(node, stage, setup, light_row, 0, error);
}

static void light_describe(const smalti__node *node, char *out, size_t out_size)
{
    const light_params *params_of = (const light_params *)node->params;
    snprintf(out, out_size, "%s", params_of->gray ? "luminance, linear" : "primaries, linear");
}

static const smalti__node_kind node_light = {"colorspace", light_bytes, light_open, light_describe};

/* From the primaries that the light has now to those of the target, or to luminance: by a matrix, of light beyond 1 too. */
static void light_matrix(const smalti__program *program, int to, light_params *made)
{
    static const float luma[3] = {0.2126f, 0.7152f, 0.0722f};
    float now[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, target[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    if (program->profile == SMALTI__PROFILE_P3)
        smalti__primaries_matrix(&smalti__primaries_p3, &smalti__primaries_srgb, now);
    else if (program->light.convert)
        memcpy(now, program->light.matrix, sizeof now);
    if (to == TO_P3)
        smalti__primaries_matrix(&smalti__primaries_srgb, &smalti__primaries_p3, target);
    if (to == TO_GRAY)
        memcpy(target[0], luma, sizeof luma);
    made->gray = to == TO_GRAY;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            made->matrix[i][j] = target[i][0] * now[0][j] + target[i][1] * now[1][j] + target[i][2] * now[2][j];
}

static smalti_result lower_light(smalti__program *program, int to, smalti__profile profile, smalti_error *error)
{
    light_params made = {0};
    bool same = to == TO_SRGB && program->profile != SMALTI__PROFILE_P3 && !program->light.convert;
    smalti__shape in = program->shape;
    if (in.channels < 3 || same || (to != TO_GRAY && program->profile == profile))
        return SMALTI_OK;
    in.sample = SMALTI_SAMPLE_F32;
    SMALTI__TRY(smalti__program_convert(program, &in, error));
    light_matrix(program, to, &made);
    program->profile = profile;
    program->light.convert = false;
    in.channels -= made.gray ? 2 : 0;
    return smalti__program_add(program, &node_light, &made, sizeof made, &in, error);
}

static smalti_result colorspace_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    int to = (int)step->values[0].number;
    smalti__profile profile = to == TO_P3 ? SMALTI__PROFILE_P3 : SMALTI__PROFILE_SRGB;
    if (to == TO_KEEP)
        return SMALTI_OK;
    if (program->light.linear)
        return lower_light(program, to, profile, error);
    SMALTI__TRY(smalti__program_straight(program, error));
    smalti__shape out = program->shape;
    out.channels -= to == TO_GRAY && out.channels > 2 ? 2 : 0;
    if (program->profile == profile && out.channels == program->shape.channels)
        return SMALTI_OK;
    const color_params made = {program->profile, to == TO_P3 ? SMALTI__COLOR_P3 : SMALTI__COLOR_SRGB};
    program->profile = profile;
    return smalti__program_add(program, &node_color, &made, sizeof made, &out, error);
}

const smalti__step_kind smalti__step_colorspace = {
    .info = {"colorspace", "colours to another space, by the image's profile", "SPACE", SMALTI__COUNT(params), params},
    .lower = colorspace_lower,
};
