/* SPDX-License-Identifier: Apache-2.0
 * JPEG files of every kind for tests, and their pixels, by plain libjpeg: independent of Smalti's own code. */
#ifndef SMALTI_JPEG_MAKE_H
#define SMALTI_JPEG_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

typedef struct jpeg_spec {
    uint32_t width, height;
    int components;            /* 1, 3 or 4 */
    J_COLOR_SPACE stored;      /* JCS_UNKNOWN: libjpeg's default for the components */
    int h, v;                  /* sampling of the first component; 0: 1 */
    int quality;               /* 0: 90 */
    bool ycbcr;                /* the pixels given are YCbCr */
    bool progressive;
    bool separate;             /* sequential, a scan per component */
    bool two_scans;            /* progressive gray: DC, AC */
    bool arithmetic;
    bool no_adobe;
    uint32_t restart_rows;
    const void *exif, *xmp, *icc;
    size_t exif_size, xmp_size, icc_size;
    size_t icc_part; /* bytes of the profile in a segment; 0: 65000 */
} jpeg_spec;

/* A sample: waves with some noise on them, so that coded bytes spread evenly over the rows. */
static inline uint8_t make_sample(uint32_t x, uint32_t y, uint32_t c)
{
    uint32_t noise = (x * 2654435761u ^ y * 2246822519u ^ c * 3266489917u) >> 13;
    uint32_t wave = (x * (3 + c) + y * 2) % 256, fold = wave < 128 ? wave : 255 - wave;
    return (uint8_t)(40 + fold + noise % 24);
}

static inline uint8_t *make_pixels(uint32_t width, uint32_t height, uint32_t channels)
{
    uint8_t *pixels = malloc((size_t)width * height * channels);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                pixels[((size_t)y * width + x) * channels + c] = make_sample(x, y, c);
    return pixels;
}

static inline void make_marker(struct jpeg_compress_struct *jpeg, int number, const void *head, size_t head_size,
                               const void *data, size_t size)
{
    jpeg_write_m_header(jpeg, JPEG_APP0 + number, (unsigned)(head_size + size));
    for (size_t i = 0; i < head_size; i++)
        jpeg_write_m_byte(jpeg, ((const uint8_t *)head)[i]);
    for (size_t i = 0; i < size; i++)
        jpeg_write_m_byte(jpeg, ((const uint8_t *)data)[i]);
}

static inline void make_metadata(struct jpeg_compress_struct *jpeg, const jpeg_spec *spec)
{
    if (spec->exif)
        make_marker(jpeg, 1, "Exif\0", 6, spec->exif, spec->exif_size);
    if (spec->xmp)
        make_marker(jpeg, 1, "http://ns.adobe.com/xap/1.0/", 29, spec->xmp, spec->xmp_size);
    size_t part = spec->icc_part ? spec->icc_part : 65000, count = (spec->icc_size + part - 1) / part;
    for (size_t i = 0; i < count; i++) {
        uint8_t head[14] = "ICC_PROFILE";
        head[12] = (uint8_t)(i + 1), head[13] = (uint8_t)count;
        size_t left = spec->icc_size - i * part;
        make_marker(jpeg, 2, head, 14, (const uint8_t *)spec->icc + i * part, left < part ? left : part);
    }
}

/* Owned: free(). */
static inline uint8_t *make_jpeg(const jpeg_spec *spec, const uint8_t *pixels, size_t *size)
{
    static const jpeg_scan_info separate[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    static const jpeg_scan_info two_scans[] = {{1, {0}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}};
    static const J_COLOR_SPACE spaces[] = {0, JCS_GRAYSCALE, 0, JCS_RGB, JCS_CMYK};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    uint8_t *data = NULL;
    unsigned long bytes = 0;
    uint8_t *made = pixels ? NULL : make_pixels(spec->width, spec->height, (uint32_t)spec->components);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &bytes);
    jpeg.image_width = spec->width;
    jpeg.image_height = spec->height;
    jpeg.input_components = spec->components;
    jpeg.in_color_space = spec->ycbcr && spec->components == 3 ? JCS_YCbCr : spaces[spec->components];
    jpeg_set_defaults(&jpeg);
    if (spec->stored != JCS_UNKNOWN)
        jpeg_set_colorspace(&jpeg, spec->stored);
    jpeg_set_quality(&jpeg, spec->quality ? spec->quality : 90, TRUE);
    jpeg.comp_info[0].h_samp_factor = spec->h ? spec->h : 1;
    jpeg.comp_info[0].v_samp_factor = spec->v ? spec->v : 1;
    if (spec->components == 4) {
        jpeg.comp_info[3].h_samp_factor = spec->h ? spec->h : 1;
        jpeg.comp_info[3].v_samp_factor = spec->v ? spec->v : 1;
        jpeg.write_Adobe_marker = !spec->no_adobe;
    }
    jpeg.restart_in_rows = (int)spec->restart_rows;
    jpeg.arith_code = spec->arithmetic;
    if (spec->progressive)
        jpeg_simple_progression(&jpeg);
    if (spec->separate)
        jpeg.scan_info = separate, jpeg.num_scans = 3;
    if (spec->two_scans)
        jpeg.scan_info = two_scans, jpeg.num_scans = 2;
    jpeg_start_compress(&jpeg, TRUE);
    make_metadata(&jpeg, spec);
    const uint8_t *from = pixels ? pixels : made;
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = (JSAMPROW)(from + (size_t)jpeg.next_scanline * spec->width * (size_t)spec->components);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(made);
    *size = bytes;
    return data;
}

/* Pixels by libjpeg, reduced by divisor: 1, 3 or (CMYK as stored) 4 channels; or, for color YCbCr, without smoothing of
 * chroma: each sample is that of its plane. Owned: free(). */
static inline uint8_t *reference_reduced(const uint8_t *data, size_t size, uint32_t divisor, bool ycbcr,
                                         uint32_t *width, uint32_t *height)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, (unsigned char *)data, (unsigned long)size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.scale_num = 1;
    jpeg.scale_denom = divisor;
    jpeg.do_fancy_upsampling = !ycbcr;
    jpeg.out_color_space = jpeg.num_components == 1            ? JCS_GRAYSCALE
                           : jpeg.num_components == 3 && ycbcr ? JCS_YCbCr
                           : jpeg.num_components == 3          ? JCS_RGB
                                                               : JCS_CMYK;
    jpeg_start_decompress(&jpeg);
    size_t row_bytes = (size_t)jpeg.output_width * (size_t)jpeg.output_components;
    uint8_t *pixels = malloc(row_bytes * jpeg.output_height);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = pixels + jpeg.output_scanline * row_bytes;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    *width = jpeg.output_width;
    *height = jpeg.output_height;
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return pixels;
}

/* The same at full size. */
static inline uint8_t *reference_pixels(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height)
{
    return reference_reduced(data, size, 1, false, width, height);
}

/* One component of a file as a gray file of its own, coefficients and all: its plane is then libjpeg's gray. Owned: free(). */
static inline uint8_t *make_component(const uint8_t *data, size_t size, int component, size_t *out_size)
{
    struct jpeg_decompress_struct from;
    struct jpeg_compress_struct to;
    struct jpeg_error_mgr errors;
    uint8_t *out = NULL;
    unsigned long bytes = 0;
    from.err = to.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&from);
    jpeg_create_compress(&to);
    jpeg_mem_src(&from, (unsigned char *)data, (unsigned long)size);
    jpeg_mem_dest(&to, &out, &bytes);
    jpeg_read_header(&from, TRUE);
    jvirt_barray_ptr *arrays = jpeg_read_coefficients(&from);
    const jpeg_component_info *info = &from.comp_info[component];
    unsigned h = (unsigned)from.max_h_samp_factor, v = (unsigned)from.max_v_samp_factor;
    to.image_width = (from.image_width * (unsigned)info->h_samp_factor + h - 1) / h;
    to.image_height = (from.image_height * (unsigned)info->v_samp_factor + v - 1) / v;
    to.input_components = 1;
    to.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&to);
    to.optimize_coding = TRUE;
    memcpy(to.quant_tbl_ptrs[0]->quantval, info->quant_table->quantval, sizeof info->quant_table->quantval);
    jpeg_write_coefficients(&to, &arrays[component]);
    jpeg_finish_compress(&to);
    jpeg_destroy_compress(&to);
    jpeg_destroy_decompress(&from);
    *out_size = bytes;
    return out;
}

/* A TIFF structure whose only entry is the orientation. */
enum { EXIF_BYTES = 26 };
static inline void make_exif(uint8_t tiff[EXIF_BYTES], bool big_endian, uint32_t orientation)
{
    static const uint8_t little[EXIF_BYTES] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                                               0,   1,   0,  0, 0, 0, 0, 0, 0, 0, 0,    0, 0};
    static const uint8_t big[EXIF_BYTES] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                            3,   0,   0, 0,  1, 0, 0, 0, 0, 0, 0, 0,    0};
    memcpy(tiff, big_endian ? big : little, EXIF_BYTES);
    tiff[big_endian ? 19 : 18] = (uint8_t)orientation;
}

#endif
