/* SPDX-License-Identifier: Apache-2.0
 * Makes and compares images for the tests of the command, by the public library.
 *   mkimage make FILE WIDTH HEIGHT [CHANNELS [BITS]]    a pattern, 8 or 16 bits
 *   mkimage same FILE FILE                              exits 0 when the decoded pixels are the same
 *   mkimage links FILE FOLDER COUNT                     COUNT names for one file: FOLDER/000000.png …
 *   mkimage without-landlock PROGRAM [ARGUMENT]...      runs it as on a system that lacks landlock */
#include <smalti/smalti.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "no_landlock.h"

static int fail(const smalti_error *error)
{
    fprintf(stderr, "mkimage: %s\n", error->message);
    return 1;
}

static int make(const char *path, char **numbers, int count)
{
    smalti_image image = {.width = (uint32_t)atoi(numbers[0]),
                          .height = (uint32_t)atoi(numbers[1]),
                          .channels = count > 2 ? (uint32_t)atoi(numbers[2]) : 3,
                          .sample = count > 3 && atoi(numbers[3]) == 16 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8};
    smalti_error error;
    if (smalti_image_alloc(&image, &error) < 0)
        return fail(&error);
    uint32_t state = 1;
    size_t row = image.width * image.channels * smalti_sample_bytes(image.sample);
    for (uint32_t y = 0; y < image.height; y++)
        for (size_t i = 0; i < row; i++) {
            state = state * 1664525 + 1013904223; /* Numerical Recipes' generator */
            ((unsigned char *)image.data)[y * image.pitch + i] = (unsigned char)((state >> 27) + i + 3 * y);
        }
    smalti_result result = smalti_image_write(&image, path, NULL, &error);
    smalti_image_free(&image);
    return result < 0 ? fail(&error) : 0;
}

static int same(const char *path_a, const char *path_b)
{
    smalti_image a = {0}, b = {0};
    smalti_error error;
    if (smalti_image_read(path_a, &a, &error) < 0 || smalti_image_read(path_b, &b, &error) < 0)
        return fail(&error);
    bool equal = a.width == b.width && a.height == b.height && a.channels == b.channels && a.sample == b.sample;
    for (uint32_t y = 0; equal && y < a.height; y++)
        equal = !memcmp((char *)a.data + y * a.pitch, (char *)b.data + y * b.pitch,
                        a.width * a.channels * smalti_sample_bytes(a.sample));
    smalti_image_free(&a);
    smalti_image_free(&b);
    return !equal;
}

static int links(const char *file, const char *folder, int count)
{
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%06d.png", folder, i);
        if (link(file, path) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

static int run_without_landlock(char **arguments)
{
    if (without_landlock())
        execv(arguments[0], arguments);
    perror(arguments[0]);
    return 2;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "make") && argc >= 5)
        return make(argv[2], argv + 3, argc - 3);
    if (!strcmp(what, "same") && argc == 4)
        return same(argv[2], argv[3]);
    if (!strcmp(what, "links") && argc == 5)
        return links(argv[2], argv[3], atoi(argv[4]));
    if (!strcmp(what, "without-landlock") && argc > 2)
        return run_without_landlock(argv + 2);
    fprintf(stderr, "mkimage: make FILE W H [CHANNELS [BITS]] | same FILE FILE | links FILE FOLDER COUNT | "
                    "without-landlock PROGRAM [ARGUMENT]...\n");
    return 2;
}
