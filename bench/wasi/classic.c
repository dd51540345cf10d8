/* SPDX-License-Identifier: Apache-2.0
 * Usage: classic OUTPUT-CHANNELS [PARAMETER]... <tile.png >filtered.png
 * An image filter as people compile it to WASI today: an ordinary program that reads a PNG file from standard input and
 * writes one to standard output, with the codecs inside the module. The filter is a shipped kernel whose source is included
 * (KERNEL), so that `smalti bench strategies` compares ways to move pixels and not filters.
 *
 * Only for kernels that look at one pixel at a time: the image is handed over as a single row. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Vector loops need no tail when there are some bytes behind the pixels. */
enum { SLACK = 64, MAX_PARAMS = 4 };

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_THREAD_LOCALS
#define STBI_MALLOC(size) malloc((size) + SLACK)
#define STBI_REALLOC(old, size) realloc(old, (size) + SLACK)
#define STBI_FREE(data) free(data)
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

#include "smalti_kernel.h"

/* this module is a command and has no descriptor */
#undef SMALTI__DESCRIBE
#define SMALTI__DESCRIBE(string)
#include KERNEL

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static unsigned char *read_input(int *size)
{
    size_t room = 65536, used = 0;
    unsigned char *data = NULL;
    do {
        room *= 2;
        data = realloc(data, room);
        if (!data || room > INT32_MAX)
            fail("out of memory");
        used += fread(data + used, 1, room - used, stdin);
    } while (used == room);
    *size = (int)used;
    return data;
}

static void write_output(void *context, void *data, int size)
{
    (void)context;
    if (fwrite(data, 1, (size_t)size, stdout) != (size_t)size)
        fail("cannot write");
}

int main(int argc, char **argv)
{
    double params[MAX_PARAMS] = {0};
    int size, width, height, channels, dst_channels = argc > 1 ? atoi(argv[1]) : 0;
    if (dst_channels < 1 || dst_channels > 4 || argc - 2 > MAX_PARAMS)
        fail("usage: classic OUTPUT-CHANNELS [PARAMETER]...");
    for (int i = 2; i < argc; i++)
        params[i - 2] = strtod(argv[i], NULL);
    unsigned char *file = read_input(&size);
    if (stbi_is_16_bit_from_memory(file, size))
        fail("images of 16 bits are not supported");
    unsigned char *src = stbi_load_from_memory(file, size, &width, &height, &channels, 0);
    if (!src)
        fail(stbi_failure_reason());
    uint32_t pixels = (uint32_t)width * (uint32_t)height;
    unsigned char *dst = calloc(pixels + SLACK, (size_t)dst_channels);
    if (!dst)
        fail("out of memory");
    const smalti_tile tile = {
        .size = sizeof tile,
        .sample = SMALTI_U8,
        .channels = (uint32_t)channels,
        .dst_channels = (uint32_t)dst_channels,
        .width = pixels,
        .height = 1,
        .image_width = pixels,
        .image_height = 1,
        .src_pitch = pixels * (uint32_t)channels,
        .dst_pitch = pixels * (uint32_t)dst_channels,
        .src = src,
        .dst = dst,
        .params = params,
        .param_count = (uint32_t)argc - 2,
    };
    if (smalti_export_tile(&tile) != 0)
        fail("the filter failed");
    if (!stbi_write_png_to_func(write_output, NULL, width, height, dst_channels, dst, width * dst_channels))
        fail("cannot encode");
    return 0;
}
