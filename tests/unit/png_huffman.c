/* SPDX-License-Identifier: Apache-2.0
 * The PNG encoder's own deflate: what it writes is inflated by libdeflate, and its codes are as good as they can be. */
#include "png_make.h"

#include "encode/png.h"

#include <math.h>

static smalti__huffman block;

/* Blocks of so many bytes, one after the other, into no more memory than plan asks for. */
static bytes pack(const uint8_t *in, size_t size, size_t block_bytes)
{
    bytes out = {0};
    smalti__huffman_bits bits = {0};
    for (size_t at = 0, piece; at < size; at += piece) {
        piece = size - at < block_bytes ? size - at : block_bytes;
        bool last = at + piece == size;
        size_t bound = smalti__huffman_plan(&block, in + at, piece) + (last ? SMALTI__HUFFMAN_END_BYTES : 0);
        uint8_t *room = malloc(bound + SMALTI__HUFFMAN_SLACK);
        bits.out = room;
        smalti__huffman_put(&block, &bits, in + at, piece, last);
        if (last)
            smalti__huffman_put_end(&bits, true);
        CHECK((size_t)(bits.out - room) <= bound);
        CHECK(bound <= piece + 6 + SMALTI__HUFFMAN_END_BYTES);
        put(&out, room, (size_t)(bits.out - room));
        free(room);
    }
    return out;
}

static size_t check_packs(const uint8_t *data, size_t size, size_t block_bytes, const char *what)
{
    /* of exactly that size, so that reads behind it are seen */
    uint8_t *in = malloc(size), *back = malloc(size);
    memcpy(in, data, size);
    bytes out = pack(in, size, block_bytes);
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    size_t used = 0, got = 0;
    enum libdeflate_result result =
        libdeflate_deflate_decompress_ex(inflater, out.data, out.size, back, size, &used, &got);
    libdeflate_free_decompressor(inflater);
    bool same = result == LIBDEFLATE_SUCCESS && used == out.size && got == size && !memcmp(in, back, size);
    free(in);
    free(back);
    free(out.data);
    if (!same)
        TEST_FAIL("%s: %zu bytes in blocks of %zu: result %d, %zu bytes of %zu", what, size, block_bytes, result, got,
                  used);
    return out.size;
}

TEST("one and two symbols, of every length around what runs and blocks are made of")
{
    enum { MOST = 66000 };
    static uint8_t data[MOST];
    for (int byte = 0; byte < 256; byte += 51) {
        memset(data, byte, MOST);
        for (size_t size = 1; size < 700; size++)
            check_packs(data, size, SMALTI__HUFFMAN_BLOCK, "one symbol");
        for (size_t size = 65530; size < 65540; size++)
            CHECK(check_packs(data, size, SMALTI__HUFFMAN_BLOCK, "one symbol") < 300);
    }
    for (size_t i = 0; i < MOST; i++)
        data[i] = i & 1 ? 7 : 200;
    for (size_t size = 1; size < 700; size++)
        check_packs(data, size, SMALTI__HUFFMAN_BLOCK, "two symbols");
    /* the end of the block is a third symbol: one and a half bits each */
    CHECK(check_packs(data, 64000, SMALTI__HUFFMAN_BLOCK, "two symbols") < 64000 * 3 / 16 + 64);
}

TEST("runs of every length from 1 to 1100 come back")
{
    bytes data = {0};
    uint32_t state = 5;
    for (uint32_t length = 1; length <= 1100; length++) {
        for (uint32_t i = next_random(&state) % 20; i > 0; i--)
            put_u8(&data, next_random(&state));
        uint8_t byte = (uint8_t)(length % 3 ? 0 : next_random(&state));
        for (uint32_t i = 0; i < length; i++)
            put_u8(&data, byte);
    }
    check_packs(data.data, data.size, SMALTI__HUFFMAN_BLOCK, "runs");
    check_packs(data.data, data.size, 10007, "runs in blocks");
    for (size_t from = 0; from + 3000 < data.size; from += 977)
        check_packs(data.data + from, 3000, 300, "pieces of runs");
    free(data.data);
}

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* Sorted bytes in steps of about the golden ratio: none of them stands in a run. */
static void spread(bytes *data)
{
    uint8_t *sorted = malloc(data->size);
    memcpy(sorted, data->data, data->size);
    size_t step = data->size * 618 / 1000;
    while (common_divisor(data->size, step) != 1)
        step++;
    for (size_t i = 0, at = 0; i < data->size; i++, at = (at + step) % data->size)
        data->data[i] = sorted[at];
    free(sorted);
}

TEST("codes are complete and of at most 12 bits even for counts that grow as the Fibonacci numbers do")
{
    for (uint32_t symbols = 2; symbols <= 22; symbols++) {
        bytes data = {0}; /* with the end of the block, which occurs once */
        for (uint32_t s = 0, a = 1, b = 2; s < symbols; s++, b += a, a = b - a)
            for (uint32_t i = 0; i < a && data.size < SMALTI__HUFFMAN_BLOCK; i++)
                put_u8(&data, s * 11);
        spread(&data);
        check_packs(data.data, data.size, SMALTI__HUFFMAN_BLOCK, "Fibonacci counts");
        uint32_t sum = 0, longest = 0;
        for (uint32_t s = 0; s < SMALTI__HUFFMAN_SYMBOLS; s++) {
            sum += block.lengths[s] ? 1u << 15 >> block.lengths[s] : 0;
            longest = block.lengths[s] > longest ? block.lengths[s] : longest;
        }
        free(data.data);
        CHECK_INT(sum, 1 << 15);
        CHECK_INT(longest, symbols < 12 ? symbols : 12); /* as many bits as symbols without the limit */
    }
}

TEST("noise is stored and costs 6 bytes in a block at most")
{
    enum { SIZE = 200000 };
    uint8_t *data = malloc(SIZE);
    uint32_t state = 1;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)next_random(&state);
    CHECK(check_packs(data, SIZE, SMALTI__HUFFMAN_BLOCK, "noise") <= SIZE + 4 * 6);
    CHECK(block.stored);
    for (size_t size = 1; size < 100; size++)
        check_packs(data, size, SMALTI__HUFFMAN_BLOCK, "little noise");
    /* stored and coded blocks in turn, from any bit on */
    for (size_t i = 0; i < SIZE; i++)
        data[i] = i / 1000 % 2 ? data[i] : data[i] % (1 + i / 1000);
    check_packs(data, SIZE, 1000, "noise and less of it");
    free(data);
}

/* Differences as in a photograph: small ones often. */
static uint8_t difference(uint32_t *state, double scale)
{
    double u = (next_random(state) % 65535 + 1) / 65537.0;
    int value = (int)(-log(u) * scale + 0.5);
    return (uint8_t)(next_random(state) & 1 ? value : -value);
}

TEST("differences as in photographs take at most 2 % more than their entropy")
{
    enum { SIZE = SMALTI__HUFFMAN_BLOCK };
    static uint8_t data[SIZE];
    uint32_t state = 3;
    for (double scale = 1.5; scale < 40; scale *= 1.7) {
        double counts[256] = {0}, entropy = 0;
        for (size_t i = 0; i < SIZE; i++)
            counts[data[i] = difference(&state, scale)]++;
        for (int i = 0; i < 256; i++)
            entropy += counts[i] > 0 ? counts[i] / 8 * log2(SIZE / counts[i]) : 0;
        size_t size = check_packs(data, SIZE, SIZE, "differences");
        printf("# scale %.1f: %zu bytes, entropy %.0f\n", scale, size, entropy);
        CHECK((double)size < entropy * 1.02 + 100);
    }
}

TEST("random mixtures of runs, noise, differences and repeats come back, in blocks of random size")
{
    uint32_t state = 77;
    for (int turn = 0; turn < 400; turn++) {
        bytes data = {0};
        size_t most = next_random(&state) % (turn % 16 ? 3000 : 150000) + 1;
        while (data.size < most) {
            uint32_t kind = next_random(&state) % 4, length = next_random(&state) % (turn % 3 ? 30 : 900);
            uint32_t byte = next_random(&state) % 3 ? 0 : next_random(&state),
                     mask = (1u << next_random(&state) % 9) - 1;
            for (uint32_t i = 0; i < length; i++)
                put_u8(&data, kind == 0        ? byte
                              : kind == 1      ? next_random(&state) & mask
                              : kind == 2      ? difference(&state, 3)
                              : data.size > 99 ? data.data[data.size - 99]
                                               : i);
        }
        check_packs(data.data, most, next_random(&state) % (turn % 2 ? 400 : SMALTI__HUFFMAN_BLOCK) + 1, "mixture");
        free(data.data);
    }
}

static uint32_t repeats(const uint8_t *data, size_t size)
{
    smalti__huffman_plan(&block, data, size < SMALTI__HUFFMAN_BLOCK ? size : SMALTI__HUFFMAN_BLOCK);
    return smalti__png_repeats(data, size, block.lengths);
}

TEST("repeats are found in what repeats, at any distance, and not in differences, noise and runs")
{
    enum { SIZE = 128 * 1024 };
    uint8_t *data = malloc(SIZE);
    uint32_t state = 4;
    for (double scale = 0.7; scale < 80; scale *= 2) {
        for (size_t i = 0; i < SIZE; i++)
            data[i] = difference(&state, scale);
        CHECK(repeats(data, SIZE) < 20);
    }
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i / 500 * 37);
    CHECK(repeats(data, SIZE) < 20);
    for (size_t distance = 50; distance < 30000; distance = distance * 3 / 2 + 1)
        for (size_t size = 4 * distance; size <= SIZE; size *= 4) {
            for (size_t i = 0; i < size; i++)
                data[i] = i < distance ? (uint8_t)next_random(&state) : data[i - distance];
            CHECK(repeats(data, size) > 300 || size < 2048);
        }
    free(data);
    for (size_t size = 1; size < 9000; size = size * 5 / 4 + 1) { /* nothing is read behind it */
        data = malloc(size);
        memset(data, 1, size);
        data[size / 2] = 2;
        CHECK(repeats(data, size) < 20);
        free(data);
    }
}
