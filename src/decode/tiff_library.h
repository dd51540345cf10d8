/* SPDX-License-Identifier: Apache-2.0
 * libtiff, loaded when the first TIFF file is opened: with the codecs it depends on it costs a start 1.3 ms and 2.6 MiB. */
#ifndef SMALTI_SRC_TIFF_LIBRARY_H
#define SMALTI_SRC_TIFF_LIBRARY_H

#include "base/library.h"

#include <tiffio.h>

#define SMALTI__TIFF_FUNCTIONS(X)           \
    X(TIFFOpenOptionsAlloc)                 \
    X(TIFFOpenOptionsFree)                  \
    X(TIFFOpenOptionsSetMaxSingleMemAlloc)  \
    X(TIFFOpenOptionsSetErrorHandlerExtR)   \
    X(TIFFOpenOptionsSetWarningHandlerExtR) \
    X(TIFFClientOpenExt)                    \
    X(TIFFClose)                            \
    X(TIFFGetField)                         \
    X(TIFFGetFieldDefaulted)                \
    X(TIFFSetField)                         \
    X(TIFFSetDirectory)                     \
    X(TIFFNumberOfDirectories)              \
    X(TIFFIsTiled)                          \
    X(TIFFIsCODECConfigured)                \
    X(TIFFScanlineSize64)                   \
    X(TIFFVStripSize64)                     \
    X(TIFFTileRowSize64)                    \
    X(TIFFTileSize64)                       \
    X(TIFFNumberOfStrips)                   \
    X(TIFFNumberOfTiles)                    \
    X(TIFFGetStrileOffset)                  \
    X(TIFFGetStrileByteCount)               \
    X(TIFFReadEncodedStrip)                 \
    X(TIFFReadEncodedTile)                  \
    X(TIFFReadScanline)

/* A pointer to each, under its own name. */
typedef struct smalti__tiff_library {
#define SMALTI__TIFF_POINTER(name) __typeof__(&name) name;
    SMALTI__TIFF_FUNCTIONS(SMALTI__TIFF_POINTER)
#undef SMALTI__TIFF_POINTER
} smalti__tiff_library;

/* A static struct. UNSUPPORTED when the library is not there. */
smalti_result smalti__tiff_library_get(const smalti__tiff_library **library, smalti_error *error);

#endif
