/* SPDX-License-Identifier: Apache-2.0
 * libavif, loaded when the first AVIF file is read or written: with the codecs it depends on it costs a start 3.1 ms and
 * 4.9 MiB. */
#ifndef SMALTI_SRC_AVIF_LIBRARY_H
#define SMALTI_SRC_AVIF_LIBRARY_H

#include "base/library.h"

#include <avif/avif.h>

#define SMALTI__AVIF_FUNCTIONS(X)          \
    X(avifVersion)                         \
    X(avifResultToString)                  \
    X(avifCodecName)                       \
    X(avifRWDataFree)                      \
    X(avifCropRectConvertCleanApertureBox) \
    X(avifImageCreate)                     \
    X(avifImageCreateEmpty)                \
    X(avifImageDestroy)                    \
    X(avifImageAllocatePlanes)             \
    X(avifImageSetViewRect)                \
    X(avifImageSetProfileICC)              \
    X(avifImageSetMetadataExif)            \
    X(avifImageSetMetadataXMP)             \
    X(avifRGBImageSetDefaults)             \
    X(avifImageYUVToRGB)                   \
    X(avifDecoderCreate)                   \
    X(avifDecoderDestroy)                  \
    X(avifDecoderSetIOMemory)              \
    X(avifDecoderParse)                    \
    X(avifDecoderNextImage)                \
    X(avifEncoderCreate)                   \
    X(avifEncoderDestroy)                  \
    X(avifEncoderSetCodecSpecificOption)   \
    X(avifEncoderAddImage)                 \
    X(avifEncoderFinish)

/* A pointer to each, under its own name. */
typedef struct smalti__avif_library {
#define SMALTI__AVIF_POINTER(name) __typeof__(&name) name;
    SMALTI__AVIF_FUNCTIONS(SMALTI__AVIF_POINTER)
#undef SMALTI__AVIF_POINTER
} smalti__avif_library;

/* A static struct. UNSUPPORTED when the library is not there, or not of the version we were built with. */
smalti_result smalti__avif_library_get(const smalti__avif_library **library, smalti_error *error);

/* The class of error that a result of libavif is. */
smalti_result smalti__avif_code(avifResult result);
/* What libavif says of it, in our style: diag's text if it has one. Cut to fit; returns out. */
const char *smalti__avif_text(const smalti__avif_library *library, avifResult result, const avifDiagnostics *diag,
                              char out[SMALTI__MESSAGE_PART]);

#endif
