/* SPDX-License-Identifier: Apache-2.0
 * Inputs for `smalti bench memory`: 24 megapixels in every way that memory depends on. */
#include "cli/bench_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 6000, ROWS = 4000, TALL_COLUMNS = 1000, TALL_ROWS = 24000, STORED = 65535 };

/* ---- Pixels ---- */

/* Slopes with some grain, which encoders take for a photograph. */
static void paint(smalti_image *image)
{
    uint32_t state = 1;
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = (uint8_t *)image->data + y * image->pitch;
        for (uint32_t i = 0; i < image->width * image->channels; i++) {
            state = state * 1664525 + 1013904223; /* Numerical Recipes' generator */
            uint32_t slope = (i / 7 + y / 5) % 512, value = (slope < 256 ? slope : 511 - slope) * 3 / 4 + (state >> 28);
            if (image->sample == SMALTI_SAMPLE_U16)
                ((uint16_t *)row)[i] = (uint16_t)(value << 8 | state >> 26);
            else
                row[i] = (uint8_t)value;
        }
    }
}

static smalti_result picture(uint32_t width, uint32_t height, smalti_sample sample, smalti_image *image,
                             smalti_error *error)
{
    *image = (smalti_image){.width = width, .height = height, .channels = 3, .sample = sample};
    smalti_result result = smalti_image_alloc(image, error);
    if (result == SMALTI_OK)
        paint(image);
    return result;
}

/* ---- Interlaced PNG, which the library does not write: as it is, in stored blocks of deflate ---- */

typedef struct stored_png {
    FILE *out;
    uint32_t crc_table[256], a, b; /* a and b: Adler-32 */
    size_t used;
    uint8_t block[STORED];
} stored_png;

static void crc_table(uint32_t table[256])
{
    for (uint32_t n = 0; n < 256; n++) { /* PNG specification, annex D */
        table[n] = n;
        for (int k = 0; k < 8; k++)
            table[n] = table[n] & 1 ? 0xedb88320 ^ table[n] >> 1 : table[n] >> 1;
    }
}

static void put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A chunk of two parts. */
static void chunk(stored_png *png, const char *type, const void *head, size_t head_size, const void *data, size_t size)
{
    uint8_t number[4];
    uint32_t crc = UINT32_MAX;
    const struct {
        const void *data;
        size_t size;
    } parts[] = {{type, 4}, {head, head_size}, {data, size}};
    put32(number, (uint32_t)(head_size + size));
    fwrite(number, 1, 4, png->out);
    for (size_t p = 0; p < CLI_COUNT(parts); p++) {
        for (size_t i = 0; i < parts[p].size; i++)
            crc = png->crc_table[(crc ^ ((const uint8_t *)parts[p].data)[i]) & 255] ^ crc >> 8;
        fwrite(parts[p].size ? parts[p].data : "", 1, parts[p].size, png->out);
    }
    put32(number, ~crc);
    fwrite(number, 1, 4, png->out);
}

static void flush_block(stored_png *png, bool last)
{
    const uint16_t size = (uint16_t)png->used;
    const uint8_t head[] = {last, (uint8_t)size, size >> 8, (uint8_t)~size, (uint8_t)(~size >> 8)};
    chunk(png, "IDAT", head, sizeof head, png->block, png->used);
    png->used = 0;
}

static void put_byte(stored_png *png, uint8_t byte)
{
    if (png->used == STORED)
        flush_block(png, false);
    png->block[png->used++] = byte;
    png->a = (png->a + byte) % 65521;
    png->b = (png->b + png->a) % 65521;
}

static void put_passes(stored_png *png, const smalti_image *image)
{
    static const uint8_t passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                         {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}; /* x, y, and steps of both */
    for (size_t p = 0; p < CLI_COUNT(passes); p++)
        for (uint32_t y = passes[p][1]; y < image->height; y += passes[p][3]) {
            put_byte(png, 0);
            for (uint32_t x = passes[p][0]; x < image->width; x += passes[p][2])
                for (uint32_t c = 0; c < 3; c++)
                    put_byte(png, ((const uint8_t *)image->data)[y * image->pitch + x * 3 + c]);
        }
}

static smalti_result write_adam7(const smalti_image *image, const char *path, smalti_error *error)
{
    uint8_t head[13] = {[8] = 8, 2, 0, 0, 1}, adler[4];
    stored_png *png = calloc(1, sizeof *png);
    FILE *out = png ? fopen(path, "wb") : NULL;
    if (!out) {
        free(png);
        return cli_fail_errno(error, "%s: cannot be written", path);
    }
    png->out = out;
    png->a = 1;
    crc_table(png->crc_table);
    fwrite("\x89PNG\r\n\x1a\n", 1, 8, out);
    put32(head, image->width);
    put32(head + 4, image->height);
    chunk(png, "IHDR", head, sizeof head, "", 0);
    chunk(png, "IDAT", "\x78\x01", 2, "", 0);
    put_passes(png, image);
    flush_block(png, true);
    put32(adler, png->b << 16 | png->a);
    chunk(png, "IDAT", adler, 4, "", 0);
    chunk(png, "IEND", "", 0, "", 0);
    free(png);
    bool whole = !ferror(out);
    return fclose(out) == 0 && whole ? SMALTI_OK : cli_fail_errno(error, "%s: cannot be written", path);
}

/* ---- All of them ---- */

typedef struct recipe {
    const char *name;
    smalti_encode_options options;
    bool adam7, deep, tall;
} recipe;

static const recipe recipes[] = {
    {.name = "photo.png", .options = {.png_effort = 1}},
    {.name = "photo.jpg", .options = {.quality = 90}},
    {.name = "progressive.jpg", .options = {.quality = 90, .progressive = true}},
    {.name = "adam7.png", .adam7 = true},
    {.name = "photo.webp", .options = {.quality = 80, .webp_effort = 1}},
    {.name = "photo.tif"},
    {.name = "deep.png", .options = {.png_effort = 1}, .deep = true},
    {.name = "tall.png", .options = {.png_effort = 1}, .tall = true},
};

size_t bench_memory_count(void)
{
    return CLI_COUNT(recipes);
}

smalti_result bench_memory_make(size_t index, const char *folder, char **path, smalti_error *error)
{
    const recipe *made = &recipes[index];
    smalti_encode_options options = made->options;
    smalti_image image;
    options.size = sizeof options;
    *path = cli_join(folder, made->name);
    if (!*path)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for the name of an input");
    smalti_result result = picture(made->tall ? TALL_COLUMNS : COLUMNS, made->tall ? TALL_ROWS : ROWS,
                                   made->deep ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8, &image, error);
    if (result < 0)
        return result;
    result = made->adam7 ? write_adam7(&image, *path, error) : smalti_image_write(&image, *path, &options, error);
    smalti_image_free(&image);
    return result;
}
