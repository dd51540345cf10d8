/* SPDX-License-Identifier: Apache-2.0
 * Measures without a job: decodes images and asks a measure kernel about each: sharpness, histogram, hash, or your own.
 * Usage: measure KERNEL IMAGE… */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smalti/smalti.h>

static void print_values(const smalti_kernel_info *info, const double *values)
{
    for (uint32_t i = 0; i < info->value_count; i++) {
        printf("  %s:", info->values[i].name);
        for (uint32_t k = 0; k < info->values[i].count; k++, values++) {
            if (info->values[i].hex) { /* a 64-bit word in the bytes of the double */
                uint64_t word;
                memcpy(&word, values, sizeof word);
                printf(" %016" PRIx64, word);
            } else {
                printf(" %.6g", *values);
            }
        }
        printf("\n");
    }
}

static smalti_result measure(smalti_kernel *kernel, const char *path, smalti_error *error)
{
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    size_t count = 0;
    for (uint32_t i = 0; i < info->value_count; i++)
        count += info->values[i].count;
    double *values = calloc(count ? count : 1, sizeof *values);
    smalti_image image = {0};
    smalti_result result = SMALTI_E_NOMEM;
    if (values)
        result = smalti_image_read(path, &image, error);
    else
        snprintf(error->message, sizeof error->message, "no memory for %zu values", count);
    if (result == SMALTI_OK)
        result = smalti_kernel_measure(kernel, NULL, &image, 0, 1, values, error);
    if (result == SMALTI_OK) {
        printf("%s: %u x %u\n", path, image.width, image.height);
        print_values(info, values);
    }
    smalti_image_free(&image);
    free(values);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: measure KERNEL IMAGE...\n");
        return 2;
    }
    smalti_kernel *kernel = NULL;
    smalti_error error = {0};
    int failed = 0;
    if (smalti_kernel_load(argv[1], NULL, &kernel, &error) != SMALTI_OK) {
        fprintf(stderr, "measure: %s\n", error.message);
        return 1;
    }
    if (smalti_kernel_describe(kernel)->kind != SMALTI_KERNEL_MEASURE) {
        fprintf(stderr, "measure: %s is not a measure\n", argv[1]);
        failed = 1;
    }
    for (int i = 2; i < argc && !failed; i++) {
        if (measure(kernel, argv[i], &error) != SMALTI_OK) {
            fprintf(stderr, "measure: %s\n", error.message);
            failed = 1;
        }
    }
    smalti_kernel_unref(kernel);
    return failed;
}
