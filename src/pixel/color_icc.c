/* SPDX-License-Identifier: Apache-2.0
 * Profiles of others through lcms2: a context for each, so that threads share nothing, with a limit to its memory, so that a
 * profile cannot want more than an image would. */
#include "pixel/color_parts.h"

#include <math.h>

#include <lcms2.h>
#include <lcms2_plugin.h>

enum { MOST_MEMORY = 96 << 20, HEAD = 128, TAG = 12, MOST_TAGS = 100 /* lcms2 takes no more */ };

/* ---- memory ---- */

struct smalti__icc_memory {
    size_t used;
    bool full; /* something was refused */
};

/* Stands before every block. memory is NULL for what lcms2 took before the context had it. */
typedef struct block {
    struct smalti__icc_memory *memory;
    size_t size;
} block;
_Static_assert(sizeof(block) % _Alignof(max_align_t) == 0, "blocks are aligned");

static void *take(cmsContext context, cmsUInt32Number size)
{
    struct smalti__icc_memory *memory = cmsGetContextUserData(context);
    if (memory && size > MOST_MEMORY - memory->used) {
        memory->full = true;
        return NULL;
    }
    block *taken = malloc(sizeof *taken + size);
    if (!taken)
        return NULL;
    if (memory)
        memory->used += size;
    *taken = (block){memory, size};
    return taken + 1;
}

static void give_back(cmsContext context, void *pointer)
{
    (void)context;
    if (!pointer)
        return;
    block *given = (block *)pointer - 1;
    if (given->memory)
        given->memory->used -= given->size;
    free(given);
}

static void *take_again(cmsContext context, void *pointer, cmsUInt32Number size)
{
    void *moved = take(context, size);
    if (moved && pointer) {
        size_t old = ((block *)pointer - 1)->size;
        memcpy(moved, pointer, old < size ? old : size);
        give_back(context, pointer);
    }
    return moved;
}

static cmsPluginMemHandler memory_plugin = {
    .base = {cmsPluginMagicNumber, 2000, cmsPluginMemHandlerSig, NULL},
    .MallocPtr = take,
    .FreePtr = give_back,
    .ReallocPtr = take_again,
};

/* ---- opening ---- */

static void keep_silent(cmsContext context, cmsUInt32Number code, const char *text)
{
    (void)context, (void)code, (void)text;
}

/* What lcms2 would read anyway, so that the messages are ours. */
static smalti_result check_head(const uint8_t *data, size_t size, smalti_error *error)
{
    if (size > SMALTI__COLOR_MOST_BYTES)
        return smalti__fail(error, SMALTI_E_LIMIT, "ICC profile: %zu bytes are more than %d", size,
                            SMALTI__COLOR_MOST_BYTES);
    if (size < HEAD + 4)
        return smalti__fail(error, SMALTI_E_FORMAT_TRUNCATED, "ICC profile: %zu bytes are too few", size);
    if (memcmp(data + 36, "acsp", 4))
        return smalti__fail(error, SMALTI_E_FORMAT, "ICC profile: no signature");
    if (smalti__be32(data) > size)
        return smalti__fail(error, SMALTI_E_FORMAT_TRUNCATED, "ICC profile: %zu bytes instead of %u", size,
                            smalti__be32(data));
    uint32_t tags = smalti__be32(data + HEAD);
    if (tags > MOST_TAGS || tags * TAG > size - HEAD - 4)
        return smalti__fail(error, SMALTI_E_FORMAT, "ICC profile: %u tags cannot be", tags);
    return SMALTI_OK;
}

static smalti_result fail_broken(const smalti__icc *icc, smalti_error *error, const char *what)
{
    if (icc->memory->full)
        return smalti__fail(error, SMALTI_E_LIMIT, "ICC profile: wants more than %d MiB of memory", MOST_MEMORY >> 20);
    return smalti__fail(error, SMALTI_E_FORMAT, "ICC profile: %s", what);
}

static smalti__icc_space space_of(cmsHPROFILE profile)
{
    switch ((uint32_t)cmsGetColorSpace(profile)) {
    case cmsSigGrayData:
        return SMALTI__ICC_GRAY;
    case cmsSigRgbData:
        return SMALTI__ICC_RGB;
    case cmsSigCmykData:
        return SMALTI__ICC_CMYK;
    default:
        return SMALTI__ICC_OTHER;
    }
}

static bool maps_colours(cmsHPROFILE profile)
{
    switch ((uint32_t)cmsGetDeviceClass(profile)) {
    case cmsSigInputClass:
    case cmsSigDisplayClass:
    case cmsSigOutputClass:
    case cmsSigColorSpaceClass:
        return true;
    default:
        return false;
    }
}

smalti_result smalti__icc_open(smalti__icc *icc, const void *data, size_t size, smalti_error *error)
{
    *icc = (smalti__icc){0};
    SMALTI__TRY(check_head(data, size, error));
    icc->memory = calloc(1, sizeof *icc->memory);
    icc->context = icc->memory ? cmsCreateContext(&memory_plugin, icc->memory) : NULL;
    if (!icc->context) {
        smalti__icc_close(icc);
        return smalti__fail_nomem(error, sizeof *icc->memory);
    }
    cmsSetLogErrorHandlerTHR(icc->context, keep_silent);
    icc->profile = cmsOpenProfileFromMemTHR(icc->context, data, (cmsUInt32Number)size);
    smalti_result result = SMALTI_OK;
    if (!icc->profile)
        result = fail_broken(icc, error, "its table of tags is broken");
    else if (!maps_colours(icc->profile))
        result = smalti__fail(error, SMALTI_E_UNSUPPORTED, "ICC profile: not of a device or a space of colours");
    if (result < 0) {
        smalti__icc_close(icc);
        return result;
    }
    icc->space = space_of(icc->profile);
    icc->matrix = icc->space == SMALTI__ICC_RGB && cmsGetPCS(icc->profile) == cmsSigXYZData &&
                  cmsIsMatrixShaper(icc->profile) && !cmsIsTag(icc->profile, cmsSigAToB0Tag) &&
                  !cmsIsTag(icc->profile, cmsSigDToB0Tag);
    return SMALTI_OK;
}

void smalti__icc_close(smalti__icc *icc)
{
    if (icc->profile)
        cmsCloseProfile(icc->profile);
    if (icc->context)
        cmsDeleteContext(icc->context);
    free(icc->memory);
    *icc = (smalti__icc){0};
}

/* ---- curves and matrices ---- */

static float clip(double value)
{
    return value > 0 ? value < 1 ? (float)value : 1.0f : 0.0f; /* NaN becomes 0 */
}

smalti_result smalti__icc_matrix(const smalti__icc *icc, smalti__color_curve curves[3], double to_xyz[9],
                                 smalti_error *error)
{
    static const cmsTagSignature curve_tags[] = {cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag};
    static const cmsTagSignature color_tags[] = {cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
    for (int c = 0; c < 3; c++) {
        const cmsToneCurve *curve = cmsReadTag(icc->profile, curve_tags[c]);
        const cmsCIEXYZ *color = cmsReadTag(icc->profile, color_tags[c]);
        if (!curve || !color)
            return fail_broken(icc, error, "a curve or a colorant is broken");
        to_xyz[c] = color->X;
        to_xyz[3 + c] = color->Y;
        to_xyz[6 + c] = color->Z;
        for (int i = 0; i <= SMALTI__COLOR_STEPS; i++)
            curves[c].points[i] = clip((double)cmsEvalToneCurveFloat(curve, (float)i / SMALTI__COLOR_STEPS));
        curves[c].points[SMALTI__COLOR_STEPS + 1] = curves[c].points[SMALTI__COLOR_STEPS];
    }
    return SMALTI_OK;
}

static cmsHPROFILE target_profile(const smalti__icc *icc, smalti__color_target target)
{
    const void *data;
    size_t size;
    smalti__color_profile(target, 3, &data, &size);
    return cmsOpenProfileFromMemTHR(icc->context, data, (cmsUInt32Number)size);
}

/* The intent is the one that photographs are made for; of a matrix it makes no difference. No cache of the last pixel:
 * threads would share it. */
static cmsHTRANSFORM connect(const smalti__icc *icc, smalti__color_target target, cmsUInt32Number in,
                             cmsUInt32Number out, cmsUInt32Number flags)
{
    cmsHPROFILE to = target_profile(icc, target);
    if (!to)
        return NULL;
    cmsHTRANSFORM transform =
        cmsCreateTransformTHR(icc->context, icc->profile, in, to, out, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE | flags);
    cmsCloseProfile(to);
    return transform;
}

smalti_result smalti__icc_gray(const smalti__icc *icc, smalti__color_curve *curve, smalti_error *error)
{
    enum { PART = 256 };
    const bool rgb = icc->space == SMALTI__ICC_RGB;
    cmsHTRANSFORM transform =
        connect(icc, SMALTI__COLOR_SRGB, rgb ? TYPE_RGB_FLT : TYPE_GRAY_FLT, TYPE_RGB_FLT, cmsFLAGS_NOOPTIMIZE);
    if (!transform)
        return fail_broken(icc, error, "its curves or tables are broken");
    for (int i = 0; i <= SMALTI__COLOR_STEPS; i += PART) {
        float in[PART * 3], out[PART * 3];
        int count = SMALTI__COLOR_STEPS + 1 - i < PART ? SMALTI__COLOR_STEPS + 1 - i : PART;
        for (int x = 0; x < count; x++)
            for (int c = 0; c < (rgb ? 3 : 1); c++)
                in[x * (rgb ? 3 : 1) + c] = (float)(i + x) / SMALTI__COLOR_STEPS;
        cmsDoTransform(transform, in, out, (cmsUInt32Number)count);
        for (int x = 0; x < count; x++) {
            double linear[3];
            for (int c = 0; c < 3; c++)
                linear[c] = smalti__color_decode((double)clip((double)out[3 * x + c]));
            curve->points[i + x] = clip(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]);
        }
    }
    curve->points[SMALTI__COLOR_STEPS + 1] = curve->points[SMALTI__COLOR_STEPS];
    cmsDeleteTransform(transform);
    return SMALTI_OK;
}

/* ---- tables ---- */

smalti_result smalti__icc_transform(const smalti__icc *icc, uint32_t channels, smalti__color_target target,
                                    smalti_sample sample, void **transform, smalti_error *error)
{
    const uint32_t bytes = (uint32_t)smalti_sample_bytes(sample);
    const cmsUInt32Number type = BYTES_SH(bytes) | FLOAT_SH(sample == SMALTI_SAMPLE_F32);
    const cmsUInt32Number extra = EXTRA_SH(channels == 4);
    const cmsUInt32Number in = channels == SMALTI__COLOR_CMYK ? type | COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4)
                                                              : type | COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | extra;
    const cmsUInt32Number out = type | COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | extra;
    *transform = connect(icc, target, in, out, channels == 4 ? cmsFLAGS_COPY_ALPHA : 0);
    return *transform ? SMALTI_OK : fail_broken(icc, error, "its tables are broken");
}

void smalti__icc_run(const void *transform, const void *src, void *dst, uint32_t pixels)
{
    cmsDoTransform((cmsHTRANSFORM)transform, src, dst, pixels);
}

void smalti__icc_free_transform(void *transform)
{
    if (transform)
        cmsDeleteTransform(transform);
}
