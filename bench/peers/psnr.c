/* SPDX-License-Identifier: Apache-2.0
 * psnr BORDER A1 B1 [A2 B2]...: how far pairs of images are from each other, without BORDER pixels at their edges (every
 * tool has its own idea of what lies outside). Prints the PSNR over all of them in dB and the largest difference, of
 * samples from 0 to 255. Gray is compared with each channel of RGB, alpha is left out. */
#include <smalti/smalti.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double sample_at(const smalti_image *image, uint32_t x, uint32_t y, uint32_t channel)
{
    uint32_t colors = image->channels < 3 ? 1 : 3;
    size_t index = (size_t)x * image->channels + (channel < colors ? channel : 0);
    const unsigned char *row = (const unsigned char *)image->data + (size_t)y * image->pitch;
    if (image->sample == SMALTI_SAMPLE_U8)
        return row[index];
    uint16_t value;
    memcpy(&value, row + index * 2, 2);
    return value / 257.0;
}

struct sum {
    double squares, worst, count;
};

static int compare(const char *a_path, const char *b_path, uint32_t border, struct sum *sum)
{
    smalti_error error;
    smalti_image a = {0}, b = {0};
    int result = 1;
    if (smalti_image_read(a_path, &a, &error) || smalti_image_read(b_path, &b, &error)) {
        fprintf(stderr, "psnr: %s\n", error.message);
    } else if (a.width != b.width || a.height != b.height) {
        fprintf(stderr, "psnr: %s and %s differ in size\n", a_path, b_path);
    } else {
        uint32_t channels = a.channels < 3 && b.channels < 3 ? 1 : 3;
        for (uint32_t y = border; y + border < a.height; y++) {
            for (uint32_t x = border; x + border < a.width; x++) {
                for (uint32_t c = 0; c < channels; c++) {
                    double difference = fabs(sample_at(&a, x, y, c) - sample_at(&b, x, y, c));
                    sum->squares += difference * difference;
                    sum->worst = fmax(sum->worst, difference);
                    sum->count++;
                }
            }
        }
        result = 0;
    }
    smalti_image_free(&a);
    smalti_image_free(&b);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc % 2) {
        fprintf(stderr, "usage: psnr BORDER A1 B1 [A2 B2]...\n");
        return 2;
    }
    struct sum sum = {0};
    for (int i = 2; i < argc; i += 2) {
        if (compare(argv[i], argv[i + 1], (uint32_t)strtoul(argv[1], NULL, 10), &sum))
            return 1;
    }
    printf("%.2f %.1f\n", 10 * log10(255.0 * 255.0 * sum.count / sum.squares), sum.worst);
    return 0;
}
