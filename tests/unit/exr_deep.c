/* SPDX-License-Identifier: Apache-2.0
 * Deep EXR data flattened: against sums made here, by another way, of the samples that were written. */
#include "deep_make.h"

#include "codec.h"
#include "exr/deep.h"
#include "files.h"

static smalti_error error;

static const smalti__decode_options flatten = {.flatten_deep = true};

static pixels read_flat(const make *m, smalti__decode_options options, smalti_info *info)
{
    pixels image;
    options.flatten_deep = true;
    CHECK_OK(codec_decode_frame(m->data, m->size, options, 0, 7, &image, info, NULL, &error), error);
    return image;
}

/* ---- content: channels A B G R Z id, out of order in depth ---- */

static uint32_t mix(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t h = a * 2654435761u ^ b * 2246822519u ^ c * 3266489917u;
    h ^= h >> 15;
    return (h * 2246822519u) >> 8;
}

static uint32_t some_count(int32_t x, int32_t y)
{
    return mix((uint32_t)x, (uint32_t)y, 1) % 6;
}

/* Numbers that halves hold. */
static float some_value(uint32_t channel, int32_t x, int32_t y, uint32_t sample)
{
    uint32_t noise = mix((uint32_t)(x * 31 + y), sample, channel);
    if (channel == 0)
        return (float)(noise % 9) / 8; /* also opaque and not seen */
    if (channel == 4)
        return (float)(noise % 13); /* some at one depth */
    return channel == 5 ? (float)(noise % 1000) : (float)(noise % 257) / 64;
}

/* The expected pixel: samples chosen one after the other by depth, the first of those at one. */
static void expect(int32_t x, int32_t y, float out[6])
{
    uint32_t count = some_count(x, y), used = 0;
    double sums[6] = {0}, clear = 1;
    bool seen = false;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t s = 0; s < count; s++)
            if (!(used >> s & 1) && (best == UINT32_MAX || some_value(4, x, y, s) < some_value(4, x, y, best)))
                best = s;
        used |= 1u << best;
        double alpha = (double)some_value(0, x, y, best);
        for (uint32_t c = 0; c < 4; c++)
            sums[c] += clear * (double)some_value(c, x, y, best);
        if (!n || (!seen && alpha > 0))
            for (uint32_t c = 4; c < 6; c++)
                sums[c] = (double)some_value(c, x, y, best);
        seen = seen || alpha > 0;
        clear *= 1 - alpha;
    }
    for (uint32_t c = 0; c < 6; c++)
        out[c] = (float)sums[c];
}

static const deep_content some = {some_count, some_value};
static const make_part some_part = {
    .kind = MAKE_DEEP_SCANLINE, .window = {-3, 5, 43, 44}, .channels = "A B G R Z:f id:u"};

static void check_some(const make_part *part, const pixels *got)
{
    CHECK_INT(got->width, make_width(part));
    CHECK_INT(got->height, make_height(part));
    CHECK_INT(got->channels, 4);
    for (uint32_t i = 0; i < got->width * got->height; i++) {
        float expected[6];
        expect(part->window[0] + (int32_t)(i % got->width), part->window[1] + (int32_t)(i / got->width), expected);
        for (uint32_t c = 0; c < 4; c++) {
            float is = ((const float *)got->data)[4 * i + c], wanted = expected[3 - c];
            if (!(fabsf(is - wanted) <= 1e-5f * (1 + fabsf(wanted))))
                TEST_FAIL("pixel %u has %g in %u, not %g", i, (double)is, c, (double)wanted);
        }
    }
}

TEST("deep data of every compression and layout is put over each other by depth")
{
    for (int compression = 0; compression < 3; compression++)
        for (int way = 0; way < 6; way++) { /* scan lines, tiles, mipmap; alone or with a thread */
            make m;
            make_part part = some_part;
            part.compression = compression;
            part.kind = way / 2 ? MAKE_DEEP_TILED : MAKE_DEEP_SCANLINE;
            part.tile = 9;
            part.mode = way / 2 == 2;
            deep_simple(&m, part, some);
            pixels got = read_flat(&m, (smalti__decode_options){.spare_thread = way % 2}, NULL);
            check_some(&part, &got);
            free(got.data);
            make_free(&m);
        }
}

TEST("a layer has its own alpha, and depths and numbers are the nearest sample's that is seen")
{
    static const char *const layers[] = {"Z", "id"};
    make m;
    deep_simple(&m, some_part, some);
    for (uint32_t l = 0; l < 2; l++) {
        pixels got = read_flat(&m, (smalti__decode_options){.layer = layers[l]}, NULL);
        for (uint32_t i = 0; i < got.width * got.height; i++) {
            float expected[6];
            expect((int32_t)(i % got.width) - 3, (int32_t)(i / got.width) + 5, expected);
            CHECK(((float *)got.data)[i] == expected[4 + l]);
        }
        free(got.data);
    }
    make_free(&m);
    make_part layered = some_part;
    layered.channels = "diffuse.A diffuse.B diffuse.G diffuse.R Z:f id:u";
    deep_simple(&m, layered, some);
    pixels got = read_flat(&m, (smalti__decode_options){.layer = "diffuse"}, NULL);
    check_some(&layered, &got);
    free(got.data);
    make_free(&m);
}

TEST("smaller levels of deep tiles are flattened too")
{
    make m;
    make_part part = some_part;
    part.kind = MAKE_DEEP_TILED;
    part.tile = 16, part.mode = 1;
    deep_simple(&m, part, some);
    pixels got = read_flat(&m, (smalti__decode_options){.level = 1}, NULL);
    make_part small = part;
    small.window[2] = small.window[0] + 22, small.window[3] = small.window[1] + 19;
    check_some(&small, &got);
    free(got.data);
    make_free(&m);
}

/* ---- volumes ---- */

enum { FEW = 12 };

typedef struct slices {
    uint32_t count;
    double z[2 * FEW * FEW], back[2 * FEW * FEW], alpha[2 * FEW * FEW], color[2 * FEW * FEW];
} slices;

/* "Interpreting OpenEXR Deep Pixels": what a sample is between two depths. */
static void put_slice(slices *to, double from, double until, double z, double back, double alpha, double color)
{
    double share = back > z ? (until - from) / (back - z) : 1, part = 1 - pow(1 - alpha, share);
    uint32_t i = to->count++;
    to->z[i] = from, to->back[i] = until, to->alpha[i] = part;
    to->color[i] = alpha > 0 ? color * part / alpha : color * share;
}

/* … and two samples of one place merged. */
static void merge(double *alpha, double *color, double other_alpha, double other_color)
{
    double u1 = -log1p(-*alpha), u2 = -log1p(-other_alpha), both = *alpha + other_alpha - *alpha * other_alpha;
    double v1 = *alpha > 1e-12 ? u1 / *alpha : 1, v2 = other_alpha > 1e-12 ? u2 / other_alpha : 1;
    double w = u1 + u2 > 1e-12 ? both / (u1 + u2) : 1;
    *color = (*color * v1 + other_color * v2) * w;
    *alpha = both;
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return first < second ? -1 : first > second;
}

/* Every sample is cut at every depth, slices of one place are merged in pairs, and all are put over each other. */
static void flatten_slowly(const float *z, const float *back, const float *alpha, const float *color, uint32_t count,
                           double out[2])
{
    double cuts[2 * FEW], clear = 1;
    for (uint32_t i = 0; i < count; i++)
        cuts[2 * i] = (double)z[i], cuts[2 * i + 1] = (double)back[i];
    qsort(cuts, 2 * count, sizeof *cuts, compare);
    out[0] = 0;
    for (uint32_t c = 0; c < 2 * count; c++) {
        for (uint32_t i = 0; i < count; i++) /* surfaces at this depth */
            if (z[i] == back[i] && (double)z[i] == cuts[c] && (!c || cuts[c - 1] != cuts[c])) {
                out[0] += clear * (double)color[i];
                clear *= 1 - (double)alpha[i];
            }
        if (c + 1 == 2 * count || cuts[c + 1] == cuts[c])
            continue;
        slices all = {0};
        for (uint32_t i = 0; i < count; i++)
            if (z[i] < back[i] && (double)z[i] <= cuts[c] && (double)back[i] >= cuts[c + 1])
                put_slice(&all, cuts[c], cuts[c + 1], (double)z[i], (double)back[i], (double)alpha[i],
                          (double)color[i]);
        for (uint32_t i = 1; i < all.count; i++)
            merge(&all.alpha[0], &all.color[0], all.alpha[i], all.color[i]);
        if (!all.count)
            continue;
        out[0] += clear * all.color[0];
        clear *= 1 - all.alpha[0];
    }
    out[1] = 1 - clear;
}

TEST("volumes that overlap are mixed slice by slice, with surfaces among them")
{
    static const smalti__exr_deep_rule rules[] = {SMALTI__EXR_DEEP_OVER, SMALTI__EXR_DEEP_ALPHA};
    for (uint32_t round = 0; round < 3000; round++) {
        float z[FEW], back[FEW], alpha[FEW], color[FEW], out[2];
        uint32_t near[FEW], far[FEW], spare[FEW], count = 1 + round % FEW;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t noise = mix(round, i, 5);
            z[i] = (float)(noise % 16);
            back[i] = z[i] + (float)(noise >> 4 & 7) * (noise >> 8 & 1 ? 1 : 0);
            alpha[i] = (float)(noise >> 9 & 15) / 16;
            color[i] = (float)(noise >> 13 & 63) / 16;
        }
        const smalti__exr_deep_samples samples = {.z = z, .back = back, .alpha = alpha, .values = {color, alpha}};
        const smalti__exr_deep_order order = {near, far, spare};
        double expected[2];
        smalti__exr_deep_pixel(&samples, count, 2, rules, &order, out);
        flatten_slowly(z, back, alpha, color, count, expected);
        for (int c = 0; c < 2; c++)
            if (!(fabs((double)out[c] - expected[c]) < 1e-5))
                TEST_FAIL("round %u: %g in %d, not %g", round, (double)out[c], c, expected[c]);
    }
}

TEST("half of a volume lies before a surface in its middle; an opaque one hides what is behind its front")
{
    static const smalti__exr_deep_rule rules[] = {SMALTI__EXR_DEEP_OVER};
    uint32_t near[2], far[2], spare[2];
    const smalti__exr_deep_order order = {near, far, spare};
    const float z[] = {2, 1}, back[] = {2, 3}, color[] = {1, 0};
    float alpha[] = {1, 0.75f}, out;
    smalti__exr_deep_samples samples = {.z = z, .back = back, .alpha = alpha, .values = {color}};
    smalti__exr_deep_pixel(&samples, 2, 1, rules, &order, &out);
    CHECK(fabsf(out - 0.5f) < 1e-6f);
    alpha[1] = 1;
    smalti__exr_deep_pixel(&samples, 2, 1, rules, &order, &out);
    CHECK(out == 0);
}

static uint32_t crowd(int32_t x, int32_t y)
{
    return x == 1 && y == 1 ? 30000 : 0;
}

/* A Z ZBack: all overlap with all. */
static float crowd_value(uint32_t channel, int32_t x, int32_t y, uint32_t sample)
{
    (void)x, (void)y;
    return channel == 0 ? 1.0f / 65536 : channel == 1 ? (float)(sample * 7919 % 30000) : 1e6f + (float)sample;
}

TEST("a crowd of samples in one pixel, all of which overlap, is not squared")
{
    make m;
    deep_simple(
        &m,
        (make_part){
            .kind = MAKE_DEEP_SCANLINE, .compression = 2, .window = {0, 0, 3, 3}, .channels = "A:f Z:f ZBack:f"},
        (deep_content){crowd, crowd_value});
    pixels got = read_flat(&m, (smalti__decode_options){.layer = "A"}, NULL);
    CHECK(fabs((double)((float *)got.data)[5] - (1 - pow(1 - 1.0 / 65536, 30000))) < 1e-5);
    CHECK(((float *)got.data)[4] == 0);
    free(got.data);
    make_free(&m);
}

/* ---- asked for ---- */

TEST("deep data is refused with a word on how to ask, unless there are other parts")
{
    make m;
    pixels got;
    smalti_info info;
    deep_simple(&m, some_part, some);
    CHECK_INT(codec_decode_frame(m.data, m.size, (smalti__decode_options){0}, 0, 7, &got, NULL, NULL, &error),
              SMALTI_E_UNSUPPORTED);
    CHECK_HAS(error.message, "--flatten-deep");
    make_free(&m);
    make_begin(&m, 0x1800);
    make_part part = some_part;
    part.name = "deep";
    make_add(&m, part);
    make_add(&m, (make_part){.name = "flat"});
    deep_finish(&m, some);
    CHECK_OK(codec_decode_frame(m.data, m.size, (smalti__decode_options){0}, 0, 7, &got, &info, NULL, &error), error);
    CHECK_INT(info.width, 16);
    free(got.data);
    got = read_flat(&m, (smalti__decode_options){.part = "deep"}, NULL);
    check_some(&part, &got);
    free(got.data);
    make_free(&m);
}

/* ---- hostile ---- */

static uint64_t chunk_at(const make *m, uint64_t index)
{
    uint64_t at;
    memcpy(&at, m->data + m->header_end + 8 * index, 8);
    return at;
}

enum { HEAD = 28, TABLE = 47 * 4 };

TEST("counts and sizes that contradict each other are errors, or black with a warning")
{
    for (int fault = 0; fault < 6; fault++) {
        make m;
        make_part part = some_part;
        part.compression = fault == 4 ? 2 : 0;
        deep_simple(&m, part, some);
        uint8_t *head = m.data + chunk_at(&m, 3), *counts = head + HEAD;
        uint32_t last;
        memcpy(&last, counts + TABLE - 4, 4);
        switch (fault) {
        case 0: /* goes down */
            memset(counts + 40, 0xff, 4);
            break;
        case 1: /* more than there are */
            last++;
            memcpy(counts + TABLE - 4, &last, 4);
            break;
        case 2: /* fewer */
            memset(counts, 0, TABLE);
            break;
        case 3: /* no whole samples */
            head[20]++, head[12]++;
            break;
        case 4: /* a bomb: what is stored cannot become that */
            memset(head + 20 + 4, 0x7f, 3);
            break;
        default: /* of no size */
            memset(head + 4, 0, 8);
        }
        smalti_result code = codec_code(m.data, m.size, flatten);
        CHECK_INT(smalti_result_class(code), smalti_result_class(SMALTI_E_FORMAT));
        pixels got = read_flat(&m, (smalti__decode_options){.lenient = true}, NULL);
        CHECK_HAS(codec_warnings, "the chunk of row 8");
        for (uint32_t i = 0; i < 47 * 4; i++)
            CHECK(((float *)got.data)[3 * 47 * 4 + i] == 0);
        free(got.data);
        make_free(&m);
    }
}

static smalti_exr_check check_all(smalti_exr *exr, const make *m)
{
    smalti_exr_check check;
    CHECK_OK(smalti_exr_open_memory(exr, m->data, m->size, "a.exr", &error), error);
    CHECK_OK(smalti_exr_check_pixels(exr, &check, &error), error);
    CHECK_INT(check.unchecked, 0);
    CHECK_INT(check.good + check.undecodable + check.overlapping, check.chunks);
    return check;
}

TEST("the deep check decompresses deep chunks, and finds each that cannot be")
{
    smalti_exr *exr;
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    for (int way = 0; way < 9; way++) {
        make m;
        make_part part = some_part;
        part.compression = way % 3;
        part.kind = way / 3 ? MAKE_DEEP_TILED : MAKE_DEEP_SCANLINE;
        part.tile = 9;
        part.mode = way / 3 == 2;
        deep_simple(&m, part, some);
        CHECK_INT(check_all(exr, &m).verdict, SMALTI_EXR_GOOD);
        const char *path = file_path("deep.exr");
        smalti_exr_check check;
        CHECK(file_write(path, m.data, m.size));
        CHECK_OK(smalti_exr_open(exr, path, &error), error);
        CHECK_OK(smalti_exr_check_pixels(exr, &check, &error), error);
        CHECK_INT(check.good, check.chunks);
        make_free(&m);
    }
    for (size_t at = 0; at < 60; at++) { /* each byte of the packed counts and samples: both have a sum */
        make m;
        make_part part = some_part;
        part.compression = 2;
        deep_simple(&m, part, some);
        m.data[chunk_at(&m, 3) + HEAD + at] ^= 1;
        smalti_exr_check check = check_all(exr, &m);
        CHECK_INT(check.verdict, SMALTI_EXR_DAMAGED);
        CHECK_INT(check.undecodable, 1);
        CHECK_INT(check.fault_offset, chunk_at(&m, 3));
        make_free(&m);
    }
    for (int fault = 0; fault < 4; fault++) {
        make m;
        deep_simple(&m, some_part, some);
        uint8_t *head = m.data + chunk_at(&m, 3), *counts = head + HEAD;
        if (fault == 0)
            memset(counts + 40, 0xff, 4); /* goes down behind it */
        else if (fault == 1)
            counts[TABLE - 4]++; /* more than there are */
        else if (fault == 2)
            memset(counts, 0, TABLE);
        else
            head[20]++, head[12]++; /* no whole samples, and the next chunk begins inside */
        smalti_exr_check check = check_all(exr, &m);
        CHECK_INT(check.undecodable, 1);
        CHECK_HAS(check.fault, fault < 3 ? "counts of samples" : "impossible size");
        make_free(&m);
    }
    smalti_exr_free(exr);
}

TEST("flipped bits and cut files are refused or decoded, never more")
{
    for (int compression = 0; compression < 3; compression++)
        for (uint32_t i = 0; i < 300; i++) {
            make m;
            make_part part = some_part;
            part.compression = compression;
            part.kind = i % 2 ? MAKE_DEEP_TILED : MAKE_DEEP_SCANLINE;
            deep_simple(&m, part, some);
            size_t at = m.header_end + mix(i, 1, 2) % (m.size - m.header_end);
            m.data[at] ^= (uint8_t)(1u << i % 8);
            m.data[m.header_end + mix(i, 3, 2) % (m.size - m.header_end)] += 3;
            (void)codec_code(
                m.data, m.size,
                (smalti__decode_options){.flatten_deep = true, .lenient = i % 3 == 0, .spare_thread = i % 5 == 0});
            CHECK(codec_code(m.data, m.size * i / 300, flatten) < 0);
            make_free(&m);
        }
}

TEST("flattening keeps to the memory that was said, and counts all samples as what a file may become")
{
    for (int way = 0; way < 4; way++) {
        make m;
        make_part part = some_part;
        part.compression = 2;
        part.kind = way / 2 ? MAKE_DEEP_TILED : MAKE_DEEP_SCANLINE;
        deep_simple(&m, part, some);
        smalti__pool pool = {0};
        smalti__source source;
        smalti__decoder *decoder;
        smalti__decode_options options = {.pool = &pool, .spare_thread = way % 2, .flatten_deep = true};
        float row[47 * 4 + 16];
        smalti__source_open_memory(&source, m.data, m.size, "in");
        CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
        CHECK_INT(pool.peak_used_bytes, 0);
        uint64_t samples = 0;
        for (int32_t y = 5; y <= 44; y++)
            for (int32_t x = -3; x <= 43; x++)
                samples += some_count(x, y);
        CHECK_INT(decoder->info.decoded_bytes, 47 * 40 * 16 + samples * 16);
        CHECK_OK(smalti__decoder_start(decoder, &error), error);
        for (uint32_t y = 0; y < decoder->out.height; y++)
            CHECK_OK(smalti__decoder_read(decoder, row, sizeof row, 1, &error), error);
        CHECK(pool.peak_used_bytes && pool.peak_used_bytes <= decoder->work_bytes);
        smalti__decoder_close(decoder);
        CHECK_INT(pool.used_bytes, 0);
        smalti__pool_trim(&pool, 0);
        smalti__source_close(&source);
        make_free(&m);
    }
}
