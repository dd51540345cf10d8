/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: colour management with hostile profiles. The first byte chooses rows and target, the rest is the profile. */
#include "pixel/color.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIDTH = 65, ROWS = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
    if (!size)
        return 0;
    const uint32_t choice = data[0], channels = 1 + choice % 5;
    const smalti_sample sample = samples[choice / 5 % 3];
    const smalti__color_target target = choice / 15 % 2 ? SMALTI__COLOR_P3 : SMALTI__COLOR_SRGB;
    smalti__color *color = NULL;
    smalti_error error = {0};
    smalti_result result = smalti__color_open(data + 1, size - 1, channels, target, sample, NULL, &color, &error);
    if (result < 0) {
        if (error.code != result || !error.message[0] || color)
            abort();
        return 0;
    }
    const uint32_t in_channels = channels == SMALTI__COLOR_CMYK ? 4 : channels;
    const uint32_t out_channels = channels == SMALTI__COLOR_CMYK ? 3 : channels;
    const size_t in_pitch = WIDTH * in_channels * smalti_sample_bytes(sample);
    const size_t out_pitch = WIDTH * out_channels * smalti_sample_bytes(sample);
    /* exactly as large as the rows, so that the sanitizer sees what goes past their ends */
    uint8_t *in = malloc(in_pitch * ROWS), *out = malloc(out_pitch * ROWS);
    if (!in || !out)
        abort();
    for (size_t i = 0; i < in_pitch * ROWS; i++)
        in[i] = (uint8_t)(i * 37 + i / 256);
    for (size_t i = 0; sample == SMALTI_SAMPLE_F32 && i < in_pitch * ROWS / 4; i++)
        ((float *)in)[i] = (float)(i % 97) / 90 - 0.03f;
    smalti__color_rows(color, in, in_pitch, out, out_pitch, WIDTH, ROWS);
    for (size_t i = 0; sample == SMALTI_SAMPLE_F32 && i < out_pitch * ROWS / 4; i++)
        if (i % out_channels < 3 && out_channels != 2 && !(((float *)out)[i] >= 0 && ((float *)out)[i] <= 1))
            abort();
    if (smalti__color_is_noop(color) && sample == SMALTI_SAMPLE_U8)
        for (size_t i = 0; i < out_pitch * ROWS; i++)
            if (abs(in[i] - out[i]) > 1)
                abort();
    smalti__color_close(color);
    free(in);
    free(out);
    return 0;
}
