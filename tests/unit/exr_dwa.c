/* SPDX-License-Identifier: Apache-2.0
 * DWA: chunks made of known coefficients are what the transform says in doubles, for all versions, types, methods and
 * windows; damage is refused. */
#include "codec.h"

#include <math.h>

#include "exr/pixels.h"
#include "exr_dwa.h"

static smalti_error error;

enum { MOST_CHANNELS = 12, MOST_PIXELS = 90 * 70 };

/* A part of one chunk, and what its samples should be. */
typedef struct image {
    smalti_exr_part part;
    smalti_exr_channel channels[MOST_CHANNELS];
    smalti__exr_chunk chunk;
    double expected[MOST_CHANNELS][MOST_PIXELS]; /* lossy: before what makes it light */
    uint32_t bits[MOST_CHANNELS][MOST_PIXELS];   /* others */
} image;

static image now;
static dwa_chunk made;

static void begin(uint32_t width, uint32_t height, uint32_t version)
{
    memset(&now, 0, sizeof now);
    now.part = (smalti_exr_part){.kind = SMALTI_EXR_SCANLINE,
                                 .compression = SMALTI_EXR_DWAB,
                                 .data_window = {3, -4, 3 + (int32_t)width - 1, -4 + (int32_t)height - 1},
                                 .channels = now.channels};
    now.chunk = (smalti__exr_chunk){.part = &now.part, .x = 3, .y = -4, .width = width, .height = height};
    made.version = version;
    made.rules.size = made.plain.size = made.ac.size = made.dc.size = made.raw.size = 0;
    made.deflated = made.skewed = made.runs = false;
}

static uint32_t add(const char *name, smalti_exr_sample sample, int32_t sampling)
{
    uint32_t c = now.part.channel_count++;
    now.channels[c] = (smalti_exr_channel){name, (uint32_t)strlen(name), sample, sampling, sampling, false};
    return c;
}

static uint32_t wide(uint32_t c)
{
    return (uint32_t)smalti__exr_samples(now.chunk.x, now.chunk.width, now.channels[c].x_sampling);
}
static uint32_t high(uint32_t c)
{
    return (uint32_t)smalti__exr_samples(now.chunk.y, now.chunk.height, now.channels[c].y_sampling);
}

/* ---- coefficients ---- */

static double half_of(uint32_t bits)
{
    double value = ldexp((bits & 1023) + (bits & 0x7c00 ? 1024 : 0), (int)(bits >> 10 & 31 ? bits >> 10 & 31 : 1) - 25);
    return bits & 0x8000 ? -value : value;
}

static uint32_t noise_state = 1;
static uint32_t noise(void)
{
    return (noise_state = noise_state * 1664525 + 1013904223) >> 8;
}

/* Where the coefficients stand: diagonals from the right upper to the left lower and back. */
static void zigzag_place(uint32_t index, uint32_t *row, uint32_t *column)
{
    uint32_t diagonal = 0, before = 0, length = 1;
    while (before + length <= index)
        before += length, diagonal++, length = diagonal < 8 ? diagonal + 1 : 15 - diagonal;
    uint32_t step = index - before, first = diagonal < 8 ? 0 : diagonal - 7;
    *row = diagonal % 2 ? first + step : diagonal - first - step;
    *column = diagonal - *row;
}

/* Packs a block's coefficients: zeros as runs, the last ones by an end where the version has one. */
static void put_ac(const uint16_t ac[64], uint32_t version)
{
    uint32_t zeros = 0;
    for (uint32_t k = 1; k < 64; k++) {
        zeros = ac[k] ? zeros : zeros + 1;
        if (!ac[k] && k < 63)
            continue;
        if (zeros)
            dwa_put(&made.ac, version && k == 63 && !ac[k] ? 0xff00 : 0xff00 + zeros, 2);
        if (ac[k])
            dwa_put(&made.ac, ac[k], 2);
        zeros = 0;
    }
}

/* kind: 0 flat, 1 few, 2 many coefficients. */
static void make_block(double samples[8][8], uint32_t kind, double middle)
{
    uint16_t ac[64] = {0};
    double f[8][8] = {{0}};
    uint32_t dc = 0x4000 + noise() % 0x200; /* 2 … 3 */
    dc = middle < 0.5 ? dc - 0x1400 : dc;
    f[0][0] = half_of(dc);
    dwa_put(&made.dc, dc, 2);
    for (uint32_t k = 1; k < 64; k++) {
        uint32_t row, column;
        if (kind == 2 ? noise() % 3 : kind == 1 ? noise() % 12 : true)
            continue;
        ac[k] = (uint16_t)(0x2400 + noise() % 64 * 16 + noise() % 2 * 0x8000);
        zigzag_place(k, &row, &column);
        f[row][column] = half_of(ac[k]);
    }
    put_ac(ac, made.version);
    for (uint32_t y = 0; y < 8; y++)
        for (uint32_t x = 0; x < 8; x++) {
            double sum = 0;
            for (uint32_t v = 0; v < 8; v++)
                for (uint32_t u = 0; u < 8; u++)
                    sum += f[v][u] * (u ? 0.5 : sqrt(0.125)) * (v ? 0.5 : sqrt(0.125)) *
                           cos((2 * x + 1) * u * M_PI / 16) * cos((2 * y + 1) * v * M_PI / 16);
            samples[y][x] = sum;
        }
}

/* One channel, or a colour's three. Their first coefficients are planes. */
static void add_lossy(const uint32_t *channels, uint32_t count)
{
    uint32_t width = wide(channels[0]), height = high(channels[0]);
    static dwa_bytes planes[3];
    planes[0].size = planes[1].size = planes[2].size = 0;
    for (uint32_t by = 0; by < height; by += 8)
        for (uint32_t bx = 0; bx < width; bx += 8) {
            double samples[3][8][8];
            uint32_t kind = noise() % 3;
            for (uint32_t i = 0; i < count; i++) {
                dwa_bytes *dc = &made.dc;
                size_t before = dc->size;
                make_block(samples[i], kind, i ? 0 : 1);
                memcpy(planes[i].data + planes[i].size, dc->data + before, 2);
                planes[i].size += 2, dc->size = before;
            }
            for (uint32_t y = 0; y < 8 && by + y < height; y++)
                for (uint32_t x = 0; x < 8 && bx + x < width; x++) {
                    double *s[3] = {&samples[0][y][x], &samples[1][y][x], &samples[2][y][x]};
                    size_t at = (size_t)(by + y) * width + bx + x;
                    now.expected[channels[0]][at] = count == 3 ? *s[0] + 1.5747 * *s[2] : *s[0];
                    if (count == 3) {
                        now.expected[channels[1]][at] = *s[0] - 0.1873 * *s[1] - 0.4682 * *s[2];
                        now.expected[channels[2]][at] = *s[0] + 1.8556 * *s[1];
                    }
                }
        }
    for (uint32_t i = 0; i < count; i++)
        dwa_append(&made.dc, &planes[i]);
}

static void add_bits(uint32_t c, bool planes)
{
    size_t count = (size_t)wide(c) * high(c), size = now.channels[c].sample == SMALTI_EXR_HALF ? 2 : 4;
    for (size_t i = 0; i < count; i++) {
        now.bits[c][i] = (uint32_t)(i / 7 % 3 ? 0x3c003c00 + i / 50 : noise());
        now.bits[c][i] &= size == 2 ? 0xffff : 0xffffffff;
    }
    if (!planes)
        for (size_t i = 0; i < count; i++)
            dwa_put(&made.plain, now.bits[c][i], (uint32_t)size);
    for (size_t b = 0; b < size && planes; b++)
        for (size_t i = 0; i < count; i++)
            dwa_put(&made.raw, now.bits[c][i] >> 8 * b & 255, 1);
}

/* ---- checks ---- */

static double light(double value)
{
    double size = fabs(value);
    double made_of = size <= 1 ? pow(size, 2.2) : exp(2.2 * (size - 1));
    return value < 0 ? -made_of : made_of;
}

/* The half next to value may be rounded to either side when it is in the middle, and then again as light. */
static bool is_near(double is, double value, bool linear)
{
    double step = ldexp(1, value && fabs(value) >= ldexp(1, -14) ? ilogb(value) - 10 : -24),
           least = value - step * 0.51, most = value + step * 0.51;
    if (!linear)
        least = light(least), most = light(most);
    double slack = fmax(fabs(most), fabs(least)) * ldexp(1, -11) + ldexp(1, -25);
    return is >= least - slack && is <= most + slack;
}

static smalti_result run(uint8_t *room, const char **problem)
{
    smalti__exr_codec codec;
    smalti__exr_bytes decoded;
    CHECK_OK(smalti__exr_codec_open(&codec, &now.part, &error), error);
    smalti_result result =
        smalti__exr_codec_run(&codec, &now.chunk, made.packed.data, made.packed.size, room, &decoded, problem);
    if (result == SMALTI_OK)
        CHECK(decoded.data == room && !decoded.split);
    smalti__exr_codec_close(&codec);
    return result;
}

static void check_sample(uint32_t c, size_t index, const uint8_t *at)
{
    const smalti_exr_channel *channel = &now.channels[c];
    uint32_t bits = channel->sample == SMALTI_EXR_HALF ? smalti__le16(at) : smalti__le32(at);
    if (now.expected[c][index] == 0) {
        CHECK_INT(bits, now.bits[c][index]);
        return;
    }
    float value;
    memcpy(&value, &bits, 4);
    double is = channel->sample == SMALTI_EXR_HALF ? half_of(bits) : (double)value;
    if (!is_near(is, now.expected[c][index], channel->linear))
        TEST_FAIL("sample %zu of %s is %g, not light of %g", index, channel->name, is, now.expected[c][index]);
}

static void check_chunk(void)
{
    const char *problem = "";
    size_t size = (size_t)smalti__exr_chunk_bytes(&now.chunk), at = 0;
    uint8_t *room = malloc(size);
    size_t done[MOST_CHANNELS] = {0};
    dwa_pack(&made);
    memset(room, 0xcd, size);
    CHECK_INT(run(room, &problem), SMALTI_OK);
    for (int64_t y = now.chunk.y; y < now.chunk.y + (int64_t)now.chunk.height; y++)
        for (uint32_t c = 0; c < now.part.channel_count; c++)
            for (uint32_t x = 0; y % now.channels[c].y_sampling == 0 && x < wide(c); x++) {
                check_sample(c, done[c]++, room + at);
                at += now.channels[c].sample == SMALTI_EXR_HALF ? 2 : 4;
            }
    CHECK_INT(at, size);
    free(room);
}

/* A, B, G, R of the usual types. */
static void make_rgba(smalti_exr_sample sample)
{
    add("A", SMALTI_EXR_HALF, 1), add("B", sample, 1), add("G", sample, 1), add("R", sample, 1);
    add_lossy((const uint32_t[]){3, 2, 1}, 3);
    add_bits(0, true);
}

static void put_rules(void)
{
    for (uint32_t type = SMALTI_EXR_HALF; type <= SMALTI_EXR_FLOAT; type++) {
        dwa_rule(&made, "R", 0, SMALTI__EXR_DWA_DCT, false, type);
        dwa_rule(&made, "G", 1, SMALTI__EXR_DWA_DCT, false, type);
        dwa_rule(&made, "B", 2, SMALTI__EXR_DWA_DCT, false, type);
        dwa_rule(&made, "A", -1, SMALTI__EXR_DWA_RLE, false, type);
        dwa_rule(&made, "Y", -1, SMALTI__EXR_DWA_DCT, false, type);
    }
}

TEST("colours of every version, method and size are what the transform says")
{
    static const uint32_t sizes[][2] = {{1, 1}, {8, 8}, {7, 9}, {33, 20}, {64, 40}, {90, 70}};
    for (uint32_t version = 0; version < 3; version++)
        for (uint32_t method = 0; method < 3; method++)
            for (size_t s = 0; s < SMALTI__COUNT(sizes); s++)
                for (smalti_exr_sample type = SMALTI_EXR_HALF; type <= SMALTI_EXR_FLOAT; type++) {
                    begin(sizes[s][0], sizes[s][1], version);
                    made.deflated = method == 0, made.runs = method == 1;
                    make_rgba(type);
                    put_rules();
                    check_chunk();
                }
}

TEST("Huffman codes that are longer than what is looked up at once")
{
    begin(8, 8, 1);
    add("Y", SMALTI_EXR_HALF, 1);
    add_lossy((const uint32_t[]){0}, 1);
    /* 40 values of a block, each once: codes of up to 40 bits */
    uint16_t ac[64] = {0};
    made.ac.size = 0, made.dc.size = 0;
    dwa_put(&made.dc, 0x4000, 2);
    for (uint32_t k = 1; k < 41; k++)
        ac[k] = (uint16_t)k; /* next to nothing */
    put_ac(ac, 1);
    made.skewed = true;
    for (size_t i = 0; i < 64; i++)
        now.expected[0][i] = 0.25;
    check_chunk();
}

TEST("channels that no rule names, several colours, and one without all its three")
{
    for (uint32_t version = 1; version < 3; version++) {
        begin(30, 21, version);
        uint32_t c[12], n = 0;
        c[n++] = add("A.B", SMALTI_EXR_FLOAT, 1); /* before B, but not as a colour */
        c[n++] = add("A.G", SMALTI_EXR_HALF, 1);
        c[n++] = add("A.R", SMALTI_EXR_HALF, 1);
        c[n++] = add("B", SMALTI_EXR_HALF, 1);
        c[n++] = add("G", SMALTI_EXR_HALF, 1);
        c[n++] = add("R", SMALTI_EXR_HALF, 1);
        c[n++] = add("Z", SMALTI_EXR_FLOAT, 1);
        c[n++] = add("id", SMALTI_EXR_UINT, 1);
        c[n++] = add("m.A", SMALTI_EXR_FLOAT, 1);
        c[n++] = add("m.R", SMALTI_EXR_UINT, 1);
        c[n++] = add("n.R", SMALTI_EXR_HALF, 1);
        c[n++] = add("o.Y", SMALTI_EXR_HALF, 1);
        now.channels[11].linear = true;
        add_lossy((const uint32_t[]){5, 4, 3}, 3);
        add_lossy((const uint32_t[]){2, 1, 0}, 3);
        add_lossy(&c[10], 1);
        add_lossy(&c[11], 1);
        add_bits(6, false), add_bits(7, false), add_bits(8, true), add_bits(9, false);
        put_rules();
        check_chunk();
    }
}

TEST("case counts for the rules of version 2 that say so, and for none before")
{
    begin(9, 9, 1);
    add("blu", SMALTI_EXR_HALF, 1), add("green", SMALTI_EXR_HALF, 1), add("RED", SMALTI_EXR_HALF, 1);
    add_lossy((const uint32_t[]){2, 1, 0}, 3);
    check_chunk();
    begin(9, 9, 2);
    add("y", SMALTI_EXR_HALF, 1), add("YY", SMALTI_EXR_HALF, 1);
    dwa_rule(&made, "Y", -1, SMALTI__EXR_DWA_DCT, false, SMALTI_EXR_HALF);
    dwa_rule(&made, "yy", -1, SMALTI__EXR_DWA_DCT, true, SMALTI_EXR_HALF);
    add_lossy((const uint32_t[]){1}, 1);
    add_bits(0, false);
    check_chunk();
    begin(9, 9, 2); /* a list without rules */
    add("Y", SMALTI_EXR_HALF, 1);
    add_bits(0, false);
    check_chunk();
}

TEST("subsampled channels have blocks of their own, and a colour's channels are sampled alike")
{
    begin(37, 29, 1);
    add("B", SMALTI_EXR_HALF, 1), add("BY", SMALTI_EXR_HALF, 2), add("G", SMALTI_EXR_HALF, 2);
    add("R", SMALTI_EXR_HALF, 1), add("RY", SMALTI_EXR_FLOAT, 2), add("a", SMALTI_EXR_HALF, 3);
    add("id", SMALTI_EXR_UINT, 2);
    for (uint32_t c = 0; c < 5; c++)
        add_lossy(&c, 1);
    add_bits(5, true), add_bits(6, false);
    check_chunk();
}

TEST("channels that are not wanted do not keep the others from being decoded")
{
    begin(40, 24, 1);
    make_rgba(SMALTI_EXR_HALF);
    add("Z", SMALTI_EXR_FLOAT, 1), add_bits(4, false);
    add("l.R", SMALTI_EXR_HALF, 1), add_lossy((const uint32_t[]){5}, 1);
    dwa_pack(&made);
    size_t size = (size_t)smalti__exr_chunk_bytes(&now.chunk), row = size / 24;
    uint8_t *all = malloc(size), *some = malloc(size);
    const char *problem;
    CHECK_INT(run(all, &problem), SMALTI_OK);
    static const size_t offsets[] = {0, 80, 160, 240, 320, 480};
    for (uint32_t c = 0; c < 6; c++) {
        smalti__exr_codec codec;
        smalti__exr_bytes decoded;
        CHECK_OK(smalti__exr_codec_open(&codec, &now.part, &error), error);
        smalti__exr_codec_want(&codec, &c, 1);
        memset(some, 0, size);
        for (int twice = 0; twice < 2; twice++)
            CHECK_INT(
                smalti__exr_codec_run(&codec, &now.chunk, made.packed.data, made.packed.size, some, &decoded, &problem),
                SMALTI_OK);
        for (uint32_t y = 0; y < 24; y++)
            CHECK(!memcmp(some + y * row + offsets[c], all + y * row + offsets[c], c == 4 ? 160 : 80));
        CHECK(memcmp(some, all, size) != 0);
        smalti__exr_codec_close(&codec);
    }
    free(all), free(some);
}

TEST("halves are made light as the formula says, and nothing that is not finite comes out of what is")
{
    const uint16_t *linear = smalti__exr_dwa_linear();
    for (uint32_t h = 0; h < 0x7c00; h++) {
        double expected = light(half_of(h));
        uint32_t bits = linear[h];
        if (expected >= 65520)
            CHECK_INT(bits, 0x7c00);
        else
            CHECK(fabs(half_of(bits) - expected) <=
                  ldexp(0.5001, expected >= ldexp(1, -14) ? ilogb(expected) - 10 : -24) + expected * 1e-6);
        CHECK_INT(linear[h | 0x8000], h ? bits | 0x8000 : 0);
    }
    for (uint32_t h = 0x7c00; h < 0x8000; h++)
        CHECK(!linear[h] && !linear[h | 0x8000]);
}

/* ---- damage ---- */

static void check_refused(size_t at, uint8_t value)
{
    static uint8_t room[1 << 17];
    const char *problem = "";
    uint8_t before = made.packed.data[at];
    made.packed.data[at] = value;
    CHECK_INT(run(room, &problem), SMALTI_E_FORMAT);
    CHECK_HAS(problem, "cannot be decompressed");
    made.packed.data[at] = before;
}

TEST("sizes and rules that cannot be are refused")
{
    static uint8_t room[1 << 17];
    const char *problem;
    begin(33, 20, 2);
    make_rgba(SMALTI_EXR_HALF);
    put_rules();
    dwa_pack(&made);
    CHECK_INT(run(room, &problem), SMALTI_OK);
    check_refused(0, 3); /* a version */
    for (size_t number = 1; number < 10; number++)
        for (size_t byte = 0; byte < 8; byte++)
            check_refused(8 * number + byte, made.packed.data[8 * number + byte] ^ (byte == 7 ? 0x80 : 0x11));
    check_refused(80, 2);   /* a method */
    check_refused(88, 1);   /* less rules than their size */
    check_refused(89, 200); /* more than there are bytes */
    check_refused(92, 5 << 4 | 4); /* a colour */
    check_refused(92, 3 << 2);     /* a scheme */
    check_refused(93, 3);          /* a type */
    check_refused(93, 0);          /* coefficients of integers */
    for (size_t size = 0; size < made.packed.size; size++) {
        size_t whole = made.packed.size;
        made.packed.size = size;
        CHECK_INT(run(room, &problem), SMALTI_E_FORMAT);
        made.packed.size = whole;
    }
}

TEST("Huffman tables that are no trees, and runs of nothing, are refused")
{
    static smalti__exr_huffman huffman;
    static dwa_bytes packed;
    uint8_t out[64];
    packed.size = 0;
    for (int i = 0; i < 24; i++)
        dwa_put(&packed, 0x100 + (uint32_t)i % 5, 2);
    dwa_huffman(&packed, false, false);
    CHECK(smalti__exr_huffman_run(&huffman, packed.data, packed.size, out, 24));
    CHECK_INT(out[2], 1);
    CHECK(!smalti__exr_huffman_run(&huffman, packed.data, packed.size, out, 32)); /* more than there is */
    for (size_t size = 0; size < packed.size; size++)
        CHECK(!smalti__exr_huffman_run(&huffman, packed.data, size, out, 24));
    static const uint8_t places[][2] = {{20, 0x00}, {20, 0xff}, {0, 0x07}, {4, 0xff}, {6, 1}, {2, 1}};
    for (size_t i = 0; i < SMALTI__COUNT(places); i++) {
        uint8_t before = packed.data[places[i][0]];
        packed.data[places[i][0]] = places[i][1];
        CHECK(!smalti__exr_huffman_run(&huffman, packed.data, packed.size, out, 24));
        packed.data[places[i][0]] = before;
    }
    /* codes of 1 bit for 0 and for the repeating symbol 1, which comes first */
    const uint8_t first[] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0x04, 0x10, 0x81, 0x80};
    CHECK(!smalti__exr_huffman_run(&huffman, first, sizeof first, out, 4));
}

TEST("flipped bits and bytes are refused or decoded, never more")
{
    static uint8_t room[1 << 17];
    const char *problem;
    for (uint32_t i = 0; i < 600; i++) {
        if (i % 200 == 0) {
            begin(33, 20, i / 200);
            made.deflated = i == 200;
            made.runs = true;
            make_rgba(i ? SMALTI_EXR_FLOAT : SMALTI_EXR_HALF);
            put_rules();
            dwa_pack(&made);
        }
        uint8_t *at = &made.packed.data[noise() % made.packed.size], before = *at;
        *at ^= (uint8_t)(1 + noise() % 255);
        (void)run(room, &problem);
        *at = before;
    }
}

TEST("a chunk takes no more memory than was said")
{
    begin(90, 70, 1);
    make_rgba(SMALTI_EXR_FLOAT);
    dwa_pack(&made);
    smalti__exr_codec codec;
    smalti__exr_bytes decoded;
    const char *problem;
    static uint8_t room[1 << 17];
    CHECK_OK(smalti__exr_codec_open(&codec, &now.part, &error), error);
    CHECK_INT(smalti__exr_codec_run(&codec, &now.chunk, made.packed.data, made.packed.size, room, &decoded, &problem),
              SMALTI_OK);
    size_t held = codec.dwa->work_room + codec.dwa->row_room * sizeof(size_t) + codec.dwa->rules_room +
                  sizeof *codec.dwa->huffman + 4 * (sizeof *codec.dwa->channels + sizeof *codec.dwa->sets);
    CHECK(held <= smalti__exr_codec_bytes(&now.part, 0));
    smalti__exr_codec_close(&codec);
}
