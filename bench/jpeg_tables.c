/* SPDX-License-Identifier: Apache-2.0
 * jpeg-tables [--check] IMAGE...: makes the Huffman tables of src/encode/jpeg_tables.c from photographs. Each is coded at
 * several sizes, subsamplings and qualities; the symbols counted; and codes of at most 16 bits made from the counts, with
 * one for every symbol that can occur. Standard output gets the tables, standard error what they cost beside tables made
 * for each image. --check: with the first half of the images train, with the other half measure. */
#include <smalti/smalti.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "encode/jpeg_tables.h"

enum { DC, AC, CLASSES, LUMA = 0, CHROMA, KINDS, SYMBOLS = 256, MOST_BITS = 16, CANDIDATES = SYMBOLS + 1 };
enum { DHT_BYTES = 4 * 17 + 4 /* and the symbols */ };

typedef struct histogram {
    double count[CLASSES][KINDS][SYMBOLS];
} histogram;

typedef struct code {
    int length[SYMBOLS];
} code;

typedef struct sample {
    histogram symbols;
    double extra_bits, weight; /* bits that follow the codes */
    int quality;
    unsigned short quant[KINDS][DCTSIZE2]; /* zigzag order */
    size_t image;
    const char *kind;
} sample;

static sample *samples;
static size_t sample_count, sample_room;

/* ---- counting ---- */

static int magnitude(int value)
{
    value = abs(value);
    int bits = 0;
    for (; value; value >>= 1)
        bits++;
    return bits;
}

static const int natural[DCTSIZE2] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                      12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                      35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                      58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static void count_block(histogram *symbols, const JCOEF *block, int kind, int *last_dc, double *extra)
{
    int dc = magnitude(block[0] - *last_dc), run = 0;
    *last_dc = block[0];
    symbols->count[DC][kind][dc]++;
    *extra += dc;
    for (int k = 1; k < DCTSIZE2; k++) {
        int value = block[natural[k]];
        if (!value) {
            run++;
            continue;
        }
        for (; run > 15; run -= 16)
            symbols->count[AC][kind][0xf0]++;
        int size = magnitude(value);
        symbols->count[AC][kind][run << 4 | size]++;
        *extra += size;
        run = 0;
    }
    if (run)
        symbols->count[AC][kind][0]++;
}

/* Blocks in the order of the MCUs, which is what the differences of DC go by. */
static void count_file(const unsigned char *data, size_t size, sample *to)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    int last[3] = {0};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, data, size);
    jpeg_read_header(&jpeg, TRUE);
    jvirt_barray_ptr *arrays = jpeg_read_coefficients(&jpeg);
    unsigned h = (unsigned)jpeg.max_h_samp_factor * DCTSIZE, v = (unsigned)jpeg.max_v_samp_factor * DCTSIZE;
    for (unsigned y = 0; y < (jpeg.image_height + v - 1) / v; y++) {
        JBLOCKARRAY rows[3];
        for (int i = 0; i < jpeg.num_components; i++) {
            unsigned count = (unsigned)jpeg.comp_info[i].v_samp_factor;
            rows[i] = jpeg.mem->access_virt_barray((j_common_ptr)&jpeg, arrays[i], y * count, count, FALSE);
        }
        for (unsigned x = 0; x < (jpeg.image_width + h - 1) / h; x++)
            for (int i = 0; i < jpeg.num_components; i++) {
                unsigned across = (unsigned)jpeg.comp_info[i].h_samp_factor;
                for (unsigned b = 0; b < across * (unsigned)jpeg.comp_info[i].v_samp_factor; b++)
                    count_block(&to->symbols, rows[i][b / across][x * across + b % across], i ? CHROMA : LUMA, &last[i],
                                &to->extra_bits);
            }
    }
    for (int kind = 0; kind < KINDS; kind++)
        for (int k = 0; k < DCTSIZE2; k++)
            to->quant[kind][k] = jpeg.quant_tbl_ptrs[kind]->quantval[natural[k]];
    jpeg_destroy_decompress(&jpeg);
}

static void take_sample(const unsigned char *pixels, unsigned width, unsigned height, int quality, int h, int v,
                        size_t image, const char *kind)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg.comp_info[0].h_samp_factor = h;
    jpeg.comp_info[0].v_samp_factor = v;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(pixels + (size_t)jpeg.next_scanline * width * 3);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    if (sample_count == sample_room)
        samples = realloc(samples, (sample_room = sample_room * 2 + 64) * sizeof *samples);
    sample *to = &samples[sample_count++];
    *to = (sample){.quality = quality, .image = image, .kind = kind};
    count_file(data, size, to);
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < KINDS; k++)
            for (int s = 0; s < SYMBOLS; s++)
                to->weight += to->symbols.count[c][k][s];
    free(data);
}

/* ---- pictures of other sizes ---- */

static double lanczos3(double x)
{
    x = fabs(x) * 3.14159265358979323846;
    return x < 1e-9 ? 1 : x >= 3 * 3.14159265358979323846 ? 0 : 3 * sin(x) * sin(x / 3) / (x * x);
}

/* Along one axis: count lines of from samples, step apart, become ones of to samples; the result is turned. */
static float *resize_axis(const float *in, unsigned from, unsigned to, unsigned lines)
{
    float *out = malloc(sizeof *out * to * lines * 3);
    double scale = (double)from / to, radius = 3 * (scale > 1 ? scale : 1);
    for (unsigned x = 0; x < to; x++) {
        double center = (x + 0.5) * scale - 0.5;
        int first = (int)ceil(center - radius), last = (int)floor(center + radius);
        for (unsigned y = 0; y < lines; y++) {
            double sum[3] = {0}, all = 0;
            for (int i = first; i <= last; i++) {
                double weight = lanczos3((i - center) / (scale > 1 ? scale : 1));
                const float *p = in + ((size_t)y * from + (unsigned)(i < 0            ? 0
                                                                     : i >= (int)from ? (int)from - 1
                                                                                      : i)) *
                                          3;
                all += weight;
                for (int c = 0; c < 3; c++)
                    sum[c] += weight * (double)p[c];
            }
            for (int c = 0; c < 3; c++)
                out[((size_t)x * lines + y) * 3 + (size_t)c] = (float)(sum[c] / all);
        }
    }
    return out;
}

static void take_size(const float *pixels, unsigned width, unsigned height, double scale, size_t image)
{
    static const int qualities[] = {30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 98};
    unsigned w = (unsigned)lround(width * scale), h = (unsigned)lround(height * scale);
    float *turned = resize_axis(pixels, width, w, height), *small = resize_axis(turned, height, h, w);
    unsigned char *bytes = malloc((size_t)w * h * 3);
    for (size_t i = 0; i < (size_t)w * h * 3; i++)
        bytes[i] = (unsigned char)lround(fmin(fmax((double)small[i], 0), 255));
    for (size_t q = 0; q < sizeof qualities / sizeof *qualities; q++) {
        take_sample(bytes, w, h, qualities[q], 2, 2, image, "4:2:0");
        take_sample(bytes, w, h, qualities[q], 1, 1, image, "4:4:4");
    }
    free(bytes);
    free(small);
    free(turned);
}

static int take_image(const char *path, size_t index)
{
    static const double scales[] = {1, 0.6, 0.4, 0.25};
    smalti_error error;
    smalti_image image = {0};
    if (smalti_image_read(path, &image, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    if (image.sample != SMALTI_SAMPLE_U8 || image.channels != 3) {
        fprintf(stderr, "%s is not RGB of 8 bits\n", path);
        smalti_image_free(&image);
        return -1;
    }
    float *pixels = malloc(sizeof *pixels * image.width * image.height * 3);
    for (unsigned y = 0; y < image.height; y++)
        for (unsigned x = 0; x < image.width * 3; x++)
            pixels[(size_t)y * image.width * 3 + x] = ((const unsigned char *)image.data)[y * image.pitch + x];
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        take_size(pixels, image.width, image.height, scales[i], index);
    free(pixels);
    smalti_image_free(&image);
    return 0;
}

/* ---- codes ---- */

typedef struct package {
    double weight;
    unsigned char depth[CANDIDATES]; /* how often each symbol is in it */
} package;

static int by_weight(const void *a, const void *b)
{
    double x = ((const package *)a)->weight, y = ((const package *)b)->weight;
    return (x > y) - (x < y);
}

/* Lengths of at most MOST_BITS by package-merge (Larmore, Hirschberg 1990). A candidate of its own, rarer than all, takes the
 * code of only ones, which JPEG does not allow. */
static code make_code(const double count[SYMBOLS], const unsigned char *alphabet, int symbols)
{
    static package level[2 * CANDIDATES], leaves[CANDIDATES];
    int leaf_count = symbols + 1, count_now = 0;
    memset(leaves, 0, sizeof leaves);
    for (int i = 0; i < symbols; i++) {
        leaves[i].weight = count[alphabet[i]] + 1e-7; /* what never occurred here may elsewhere */
        leaves[i].depth[i] = 1;
    }
    leaves[symbols].weight = 1e-9;
    leaves[symbols].depth[symbols] = 1;
    for (int bit = 0; bit < MOST_BITS; bit++) {
        int pairs = count_now / 2;
        for (int i = 0; i < pairs; i++) {
            package sum = level[2 * i];
            sum.weight += level[2 * i + 1].weight;
            for (int s = 0; s < leaf_count; s++)
                sum.depth[s] = (unsigned char)(sum.depth[s] + level[2 * i + 1].depth[s]);
            level[i] = sum;
        }
        memcpy(level + pairs, leaves, sizeof *leaves * (size_t)leaf_count);
        count_now = pairs + leaf_count;
        qsort(level, (size_t)count_now, sizeof *level, by_weight);
    }
    code made = {{0}};
    for (int i = 0; i < 2 * leaf_count - 2; i++)
        for (int s = 0; s < symbols; s++)
            made.length[alphabet[s]] += level[i].depth[s];
    return made;
}

/* What can occur in 8-bit JPEG: differences of up to 11 bits; runs of 0 to 15 before 1 to 10 bits, end of block, 16 zeros. */
static int alphabet_of(int class, unsigned char alphabet[SYMBOLS])
{
    int count = 0;
    for (int s = 0; s < SYMBOLS; s++)
        if (class == DC ? s <= 11 : s == 0 || s == 0xf0 || ((s & 15) >= 1 && (s & 15) <= 10))
            alphabet[count++] = (unsigned char)s;
    return count;
}

static int in_set(int quality, size_t set)
{
    return smalti__jpeg_tables(quality) == &smalti__jpeg_table_sets[set];
}

static void make_set(int (*wanted)(const sample *), size_t set, code made[CLASSES][KINDS])
{
    histogram sum = {0};
    for (size_t i = 0; i < sample_count; i++) {
        const sample *from = &samples[i];
        if (!in_set(from->quality, set) || !wanted(from))
            continue;
        /* by 4:2:0 most images are made */
        double weight = (from->kind[4] == '0' ? 3 : 1) / from->weight;
        for (int c = 0; c < CLASSES; c++)
            for (int k = 0; k < KINDS; k++)
                for (int s = 0; s < SYMBOLS; s++)
                    sum.count[c][k][s] += from->symbols.count[c][k][s] * weight;
    }
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < KINDS; k++) {
            unsigned char alphabet[SYMBOLS];
            int count = alphabet_of(c, alphabet);
            made[c][k] = make_code(sum.count[c][k], alphabet, count);
        }
}

static void print_code(const code *made, const char *before, const char *behind)
{
    int counts[MOST_BITS + 1] = {0}, printed = 0;
    for (int s = 0; s < SYMBOLS; s++)
        counts[made->length[s]]++;
    printf("%s{{", before);
    for (int n = 1; n <= MOST_BITS; n++)
        printf("%d%s", counts[n], n < MOST_BITS ? ", " : "},\n {");
    for (int n = 1; n <= MOST_BITS; n++)
        for (int s = 0; s < SYMBOLS; s++)
            if (made->length[s] == n)
                printf("%s0x%02x", printed++ ? ", " : "", (unsigned)s);
    printf("}}%s", behind);
}

/* ---- what it costs ---- */

static int in_file(const sample *of, int class, int kind, int symbol)
{
    return class == DC ? smalti__jpeg_dc_possible((uint8_t)symbol, of->quant[kind])
                       : smalti__jpeg_ac_possible((uint8_t)symbol, of->quant[kind]);
}

static double code_bits(const sample *of, code (*codes)[KINDS])
{
    double bits = of->extra_bits;
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < KINDS; k++)
            for (int s = 0; s < SYMBOLS; s++) {
                double count = of->symbols.count[c][k][s];
                bits += count > 0 ? count * codes[c][k].length[s] : 0;
                /* the table itself */
                bits += codes[c][k].length[s] && in_file(of, c, k, s) ? 8 : 0;
                if (count > 0 && !in_file(of, c, k, s))
                    abort();
            }
    return bits + 8 * DHT_BYTES;
}

static void own_codes(const sample *of, code codes[CLASSES][KINDS])
{
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < KINDS; k++) {
            unsigned char alphabet[SYMBOLS];
            int count = 0;
            for (int s = 0; s < SYMBOLS; s++)
                if (of->symbols.count[c][k][s] > 0)
                    alphabet[count++] = (unsigned char)s;
            codes[c][k] = make_code(of->symbols.count[c][k], alphabet, count);
        }
}

static void standard_codes(code codes[CLASSES][KINDS])
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg.in_color_space = JCS_RGB;
    jpeg.input_components = 3;
    jpeg_set_defaults(&jpeg);
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < KINDS; k++) {
            const JHUFF_TBL *table = c == DC ? jpeg.dc_huff_tbl_ptrs[k] : jpeg.ac_huff_tbl_ptrs[k];
            for (int n = 1, at = 0; n <= MOST_BITS; n++)
                for (int i = 0; i < table->bits[n]; i++)
                    codes[c][k].length[table->huffval[at++]] = n;
        }
    jpeg_destroy_compress(&jpeg);
}

static int even(const sample *s)
{
    return s->image % 2 == 0;
}
static int odd(const sample *s)
{
    return s->image % 2;
}
static int all(const sample *s)
{
    (void)s;
    return 1;
}

static void report(code codes[][CLASSES][KINDS], int (*wanted)(const sample *))
{
    code standard[CLASSES][KINDS] = {0}, own[CLASSES][KINDS];
    standard_codes(standard);
    for (int quality = 1; quality <= 100; quality++) {
        double sum[3] = {0}, ratio[2] = {0};
        size_t count = 0;
        for (size_t i = 0; i < sample_count; i++) {
            const sample *of = &samples[i];
            size_t set = 0;
            if (of->quality != quality || !wanted(of) || of->kind[4] != '0')
                continue;
            while (!in_set(quality, set))
                set++;
            own_codes(of, own);
            double best = code_bits(of, own), ours = code_bits(of, codes[set]), plain = code_bits(of, standard);
            sum[0] += best, sum[1] += ours, sum[2] += plain;
            ratio[0] += ours / best, ratio[1] += plain / best;
            count++;
        }
        if (count)
            fprintf(stderr,
                    "quality %3d: %+.2f %% of bytes, image by image %+.2f %% (standard tables: %+.2f %%, %+.2f %%)\n",
                    quality, 100 * (sum[1] / sum[0] - 1), 100 * (ratio[0] / (double)count - 1),
                    100 * (sum[2] / sum[0] - 1), 100 * (ratio[1] / (double)count - 1));
    }
}

int main(int argc, char **argv)
{
    int check = argc > 1 && !strcmp(argv[1], "--check");
    static code codes[SMALTI__JPEG_TABLES][CLASSES][KINDS];
    if (argc < 2 + check) {
        fprintf(stderr, "usage: jpeg-tables [--check] IMAGE...\n");
        return 2;
    }
    for (int i = 1 + check; i < argc; i++)
        if (take_image(argv[i], (size_t)i) < 0)
            return 1;
    for (size_t set = 0; set < SMALTI__JPEG_TABLES; set++)
        make_set(check ? even : all, set, codes[set]);
    report(codes, check ? odd : all);
    for (size_t set = 0; set < SMALTI__JPEG_TABLES; set++) {
        printf("{.quality = %d,\n", smalti__jpeg_table_sets[set].quality);
        for (int c = 0; c < CLASSES; c++) {
            print_code(&codes[set][c][LUMA], c == DC ? ".dc = {" : ".ac = {", ",\n");
            print_code(&codes[set][c][CHROMA], "", c == DC ? "},\n" : "}},\n");
        }
    }
    free(samples);
    return 0;
}
