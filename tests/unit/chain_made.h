/* SPDX-License-Identifier: Apache-2.0
 * Pictures, files and chains that the tests of chains work with. */
#ifndef SMALTI_TEST_CHAIN_MADE_H
#define SMALTI_TEST_CHAIN_MADE_H

#include <smalti/smalti.h>

#include "work_folder.h"

static smalti_error error;

/* ---- images and files ---- */

/* Gradients and noise, the same every time. */
static inline smalti_image picture(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    smalti_image image = {.width = width, .height = height, .channels = channels, .sample = sample};
    uint32_t seed = width;
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t i = 0; i < width * channels; i++) {
            uint8_t *row = (uint8_t *)image.data + y * image.pitch;
            seed = seed * 1664525u + 1013904223u;
            uint32_t value = (i * 300 + y * 700 + (seed >> 20)) & 0xffff;
            if (sample == SMALTI_SAMPLE_U8)
                row[i] = (uint8_t)(value >> 8);
            else
                ((uint16_t *)row)[i] = (uint16_t)value;
        }
    return image;
}

static inline bool same(const smalti_image *a, const smalti_image *b)
{
    bool equal = a->width == b->width && a->height == b->height && a->channels == b->channels && a->sample == b->sample;
    for (uint32_t y = 0; equal && y < a->height; y++)
        equal = !memcmp((uint8_t *)a->data + y * a->pitch, (uint8_t *)b->data + y * b->pitch,
                        a->width * a->channels * smalti_sample_bytes(a->sample));
    return equal;
}

static inline bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static inline void put_picture(const char *path, uint32_t width, uint32_t height)
{
    smalti_image image = picture(width, height, 3, SMALTI_SAMPLE_U8);
    CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    smalti_image_free(&image);
}

static inline smalti_chain *open_chain(const char *path)
{
    smalti_chain *chain = NULL;
    CHECK_OK(smalti_chain_open(path, NULL, &chain, &error), error);
    return chain;
}

static inline smalti_chain *branch(const smalti_chain *chain, const char *step, const char *params)
{
    smalti_chain *copy = NULL;
    CHECK_OK(smalti_chain_clone(chain, &copy, &error), error);
    CHECK_OK(smalti_chain_step(copy, step, params, &error), error);
    return copy;
}

static inline smalti_image pixels_of(const smalti_chain *chain)
{
    smalti_image image = {0};
    CHECK_OK(smalti_chain_write_image(chain, &image, NULL, &error), error);
    return image;
}

static inline void check_size(const smalti_chain *chain, uint32_t width, uint32_t height)
{
    uint32_t w = 0, h = 0;
    CHECK(smalti_chain_size(chain, &w, &h));
    CHECK_INT(w, width);
    CHECK_INT(h, height);
}

#endif
