/* SPDX-License-Identifier: Apache-2.0
 * DWA files that the reference library wrote: the pixels that it reads, the deep check, the budget of memory. */
#include "codec.h"

#include "exr_dwa_files.h"
#include "exr/pixels.h"

static smalti_error error;

TEST("files that the reference library wrote have the bits that it reads")
{
    for (size_t f = 0; f < SMALTI__COUNT(dwa_files); f++) {
        static const char *const layers[] = {NULL, "A.B", "A.R", "Z", "id", "x.Y", "y.Y", "z.A", "q.G", "mask"};
        uint32_t compared = 0;
        for (size_t l = 0; l < SMALTI__COUNT(layers); l++) {
            const smalti__decode_options options = {.layer = layers[l]};
            pixels is, expected;
            if (codec_code(dwa_files[f].read, dwa_files[f].read_size, options) == SMALTI_E_INVALID)
                continue; /* it has no such channel */
            CHECK_OK(codec_decode_frame(dwa_files[f].read, dwa_files[f].read_size, options, 0, 7, &expected, NULL, NULL,
                                        &error),
                     error);
            CHECK_OK(codec_decode_frame(dwa_files[f].written, dwa_files[f].written_size, options, 0, 7, &is, NULL, NULL,
                                        &error),
                     error);
            CHECK_INT(is.width, expected.width);
            CHECK_INT(is.channels, expected.channels);
            CHECK(!memcmp(is.data, expected.data, pixels_row(&is) * is.height));
            free(is.data), free(expected.data);
            compared++;
        }
        CHECK(compared >= dwa_files[f].least);
    }
}

TEST("a deep check decodes them, and finds what is damaged")
{
    for (size_t f = 0; f < 2; f++) { /* whose last chunks got smaller */
        size_t size = dwa_files[f].written_size;
        uint8_t *copy = malloc(size);
        smalti_exr *exr;
        smalti_exr_check check;
        memcpy(copy, dwa_files[f].written, size);
        CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
        CHECK_OK(smalti_exr_open_memory(exr, copy, size, "in", &error), error);
        CHECK_OK(smalti_exr_check_pixels(exr, &check, &error), error);
        CHECK(check.verdict == SMALTI_EXR_GOOD && check.good && !check.unchecked);
        copy[size - 1] ^= 0x40; /* of what is deflated last */
        CHECK_OK(smalti_exr_check_pixels(exr, &check, &error), error);
        CHECK(check.verdict == SMALTI_EXR_DAMAGED && check.undecodable == 1);
        smalti_exr_free(exr);
        free(copy);
    }
}

TEST("a deep check holds what decompressing takes against its limit")
{
    const smalti_exr_options options = {.size = sizeof options, .max_bytes = 300 << 10};
    smalti_exr *exr;
    smalti_exr_check check;
    CHECK_OK(smalti_exr_new(&options, &exr, &error), error);
    CHECK_OK(smalti_exr_open_memory(exr, dwa_files[0].written, dwa_files[0].written_size, "in", &error), error);
    CHECK_INT(smalti_exr_check_pixels(exr, &check, &error), SMALTI_E_LIMIT);
    CHECK_HAS(error.message, "to decompress part 0 takes more memory");
    CHECK_OK(smalti_exr_check_structure(exr, &check, &error), error);
    smalti_exr_free(exr);
}

TEST("the memory for DWA is part of what a decoder says that it needs")
{
    smalti__source source;
    smalti__decoder *decoder;
    smalti__source_open_memory(&source, dwa_files[0].written, dwa_files[0].written_size, "in");
    const smalti__decode_options options = {0};
    CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
    CHECK(decoder->work_bytes > sizeof(smalti__exr_huffman));
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
}
