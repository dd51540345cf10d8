/* SPDX-License-Identifier: Apache-2.0
 * EXR files that we write: OpenEXRCore and our own decoder read what went in, in every compression and type; attributes of
 * an input are kept; images that are no light become it. */
#include "codec.h"

#include "exr_write.h"
#include "exr/exr.h"
#include "files.h"
#include <smalti/smalti.h>

#include "step/flow.h"

static smalti_error error;

static const smalti__encode_params ways[] = {{.exr_compression = SMALTI__EXR_ZIP},
                                             {.exr_compression = SMALTI__EXR_ZIPS},
                                             {.exr_compression = SMALTI__EXR_NONE},
                                             {.exr_compression = SMALTI__EXR_ZIP, .exr_half = true},
                                             {.exr_compression = SMALTI__EXR_ZIPS, .exr_half = true},
                                             {.exr_compression = SMALTI__EXR_NONE, .exr_half = true},
                                             {.exr_compression = SMALTI__EXR_PIZ},
                                             {.exr_compression = SMALTI__EXR_PIZ, .exr_half = true},
                                             {.exr_compression = SMALTI__EXR_RLE},
                                             {.exr_compression = SMALTI__EXR_RLE, .exr_half = true}};

static bytes encode(const smalti__encode_params *params, const pixels *image, uint32_t group)
{
    bytes out;
    CHECK_OK(codec_encode(&smalti__encoder_exr, *params, image, group, &out, &error), error);
    return out;
}

/* Light, some of it more than 1, all of which a half holds. */
static pixels light(uint32_t width, uint32_t height, uint32_t channels)
{
    pixels image = pixels_make(width, height, channels, SMALTI_SAMPLE_F32);
    const exr_channel half = {"R", EXR_PIXEL_HALF, 1};
    for (size_t i = 0; i < (size_t)width * height * channels; i++)
        ((float *)image.data)[i] = exr_value(&half, (uint32_t)(0x3000 + i * 7 % 0x2000));
    return image;
}

TEST("files of every compression, type and number of channels are read by OpenEXRCore as they were written")
{
    for (size_t w = 0; w < SMALTI__COUNT(ways); w++)
        for (uint32_t channels = 1; channels <= 4; channels++)
            for (uint32_t height = 1; height < 60; height += 18) {
                pixels image = light(37, height, channels);
                bytes out = encode(&ways[w], &image, 5);
                const exr_file file = {out.data, out.size, out.size};
                float *planes[4];
                for (uint32_t c = 0; c < channels; c++)
                    planes[c] = calloc(37 * height, sizeof(float));
                exr_read(&file, 0, planes, channels);
                /* A, B, G, R or A, Y: the order of names is the other way round */
                for (size_t i = 0; i < (size_t)37 * height * channels; i++)
                    CHECK(((float *)image.data)[i] == planes[channels - 1 - i % channels][i / channels]);
                for (uint32_t c = 0; c < channels; c++)
                    free(planes[c]);
                free(image.data);
                free(out.data);
            }
}

TEST("our decoder reads them too, and rows may come in any groups")
{
    for (size_t w = 0; w < SMALTI__COUNT(ways); w++) {
        pixels image = light(50, 33, 4), again;
        bytes one = encode(&ways[w], &image, 1), many = encode(&ways[w], &image, 33);
        CHECK(one.size == many.size && !memcmp(one.data, many.data, one.size));
        smalti_info info;
        CHECK_OK(codec_decode(&one, &again, &info, &error), error);
        CHECK(!memcmp(image.data, again.data, pixels_row(&image) * 33));
        CHECK_INT(info.bit_depth, ways[w].exr_half ? 16 : 32);
        free(one.data), free(many.data), free(image.data), free(again.data);
    }
}

TEST("a file is good to the structural check, and smaller where it is compressed")
{
    size_t sizes[SMALTI__COUNT(ways)];
    for (size_t w = 0; w < SMALTI__COUNT(ways); w++) {
        pixels image = pixels_make(200, 100, 3, SMALTI_SAMPLE_F32);
        for (size_t i = 0; i < 200 * 100 * 3; i++)
            ((float *)image.data)[i] = (float)(i / 300 % 16) / 16;
        bytes out = encode(&ways[w], &image, 100);
        smalti_exr *exr;
        smalti_exr_check check;
        CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
        CHECK_OK(smalti_exr_open_memory(exr, out.data, out.size, "out.exr", &error), error);
        CHECK_OK(smalti_exr_check_structure(exr, &check, &error), error);
        CHECK_INT(check.verdict, SMALTI_EXR_GOOD);
        CHECK_INT(check.unused_bytes, 0);
        smalti_exr_free(exr);
        sizes[w] = out.size;
        free(out.data), free(image.data);
    }
    CHECK(sizes[0] < sizes[1] && sizes[1] < sizes[2] / 4 && sizes[3] < sizes[4] && sizes[5] < sizes[2]);
    CHECK(sizes[6] < sizes[2] / 4 && sizes[7] < sizes[5] / 4 && sizes[8] < sizes[2] && sizes[9] < sizes[5] / 2);
}

TEST("an encoder keeps to the memory that it said")
{
    for (size_t w = 0; w < SMALTI__COUNT(ways); w++) {
        smalti__pool pool = {0};
        smalti__encode_params params = ways[w];
        params.pool = &pool;
        pixels image = light(300, 100, 3);
        bytes out = encode(&params, &image, 16);
        CHECK(pool.peak_used_bytes < smalti__encoder_exr.work_bytes(300, 100, 3, SMALTI_SAMPLE_F32, &params));
        smalti__pool_trim(&pool, 0);
        free(out.data), free(image.data);
    }
}

TEST("rows that are too few or too many are refused")
{
    pixels image = light(10, 10, 3);
    smalti__sink sink;
    smalti__encoder *encoder;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    smalti__encoder seed = {.sink = &sink, .width = 10, .height = 5, .channels = 3, .sample = SMALTI_SAMPLE_F32};
    CHECK_OK(smalti__encoder_exr.open(&seed, &encoder, &error), error);
    CHECK_INT(smalti__encoder_exr.write(encoder, image.data, pixels_row(&image), 6, &error), SMALTI_E_INVALID);
    CHECK_OK(smalti__encoder_exr.write(encoder, image.data, pixels_row(&image), 4, &error), error);
    CHECK_INT(smalti__encoder_exr.finish(encoder, &error), SMALTI_E_INVALID);
    smalti__encoder_exr.close(encoder);
    seed.sample = SMALTI_SAMPLE_U8;
    CHECK_INT(smalti__encoder_exr.open(&seed, &encoder, &error), SMALTI_E_INVALID);
    smalti__sink_close(&sink);
    free(image.data);
}

/* ---- from file to file ---- */

static const smalti_exr_attribute *find(smalti_exr *exr, const bytes *file, const char *name)
{
    CHECK_OK(smalti_exr_open_memory(exr, file->data, file->size, "out.exr", &error), error);
    return smalti_exr_attribute_find(smalti_exr_header_get(exr)->parts, name);
}

TEST("attributes of an input are kept, those of its storage are not")
{
    exr_image image = {.compression = EXR_COMPRESSION_PIZ,
                       .data = {3, 4, 30, 40},
                       .tile_width = 16,
                       .tile_height = 16,
                       .channels = {{"Y", EXR_PIXEL_HALF}}};
    exr_file in = exr_write(&image, 1);
    smalti__metadata metadata = {0};
    pixels got;
    CHECK_OK(codec_decode_frame(in.data, in.size, (smalti__decode_options){0}, 0, 9, &got, NULL, &metadata, &error),
             error);
    CHECK(metadata.exr.size && !metadata.exr_long_names);
    /* two more, as if they had been in the file */
    static const char more[] = "owner\0string\0\2\0\0\0me"
                               "a name that is longer than 31 bytes\0int\0\4\0\0\0\7\0\0";
    metadata.exr.data = realloc(metadata.exr.data, metadata.exr.size + sizeof more);
    memcpy(metadata.exr.data + metadata.exr.size, more, sizeof more);
    metadata.exr.size += sizeof more;
    metadata.exr_long_names = true;
    const smalti__encode_params params = {.metadata = &metadata};
    bytes out = encode(&params, &got, 9);
    smalti_exr *exr;
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK(find(exr, &out, "owner") && find(exr, &out, "a name that is longer than 31 bytes"));
    CHECK(find(exr, &out, "screenWindowWidth") && !find(exr, &out, "tiles"));
    CHECK_INT(smalti_exr_header_get(exr)->parts[0].data_window.max_x, 27);
    smalti_exr_free(exr);
    smalti__metadata_clear(&metadata);
    free(out.data), free(got.data), free(in.data);
}

TEST("light that is encoded as sRGB is decoded for EXR, and multiplied by alpha")
{
    static smalti__program program;
    const smalti__shape in = {4, 4, 4, SMALTI_SAMPLE_U8, false};
    const smalti__flow_setup setup = {.in = in, .pushed = in, .lit = true, .orientation = 1};
    CHECK_OK(smalti__flow_program(&setup, &program, &error), error);
    CHECK_INT(program.count, 1);
    CHECK_STR(program.nodes[0].kind->name, "light");
    smalti__shape out = program.shape;
    CHECK_OK(smalti__encoder_fit(&smalti__encoder_exr, &out, &error), error);
    CHECK(smalti__shape_same(&out, &program.shape) && out.premultiplied && out.sample == SMALTI_SAMPLE_F32);
}

TEST("PNG to EXR and back gives the same bytes")
{
    pixels image = pixels_make(40, 30, 4, SMALTI_SAMPLE_U8);
    for (size_t i = 3; i < 40 * 30 * 4; i += 4)
        image.data[i] |= 15; /* not so clear that colours were lost */
    const smalti_image from = {40, 30, 4, SMALTI_SAMPLE_U8, 160, image.data};
    char path[2][512];
    snprintf(path[0], sizeof path[0], "%s", file_path("a.png"));
    snprintf(path[1], sizeof path[1], "%s", file_path("a.exr"));
    CHECK_OK(smalti_image_write(&from, path[0], NULL, &error), error);
    smalti_image back;
    for (int i = 0; i < 2; i++) {
        smalti_job *job;
        smalti_plan *plan;
        smalti_run_options options = {.size = sizeof options};
        CHECK_OK(smalti_job_new(&job, &error), error);
        CHECK_OK(smalti_job_input_add(job, path[i], &error), error);
        CHECK_OK(smalti_job_set(job, "output.file", path[!i], &error), error);
        CHECK_OK(smalti_job_set(job, "output.overwrite", "true", &error), error);
        CHECK_OK(smalti_job_set(job, "output.depth", "8", &error), error);
        CHECK_OK(smalti_plan_new(job, &plan, &error), error);
        CHECK_OK(smalti_plan_run(plan, &options, NULL, &error), error);
        smalti_plan_free(plan);
        smalti_job_free(job);
    }
    CHECK_OK(smalti_image_read(path[0], &back, &error), error);
    for (uint32_t y = 0; y < 30; y++)
        for (uint32_t i = 0; i < 160; i++) {
            int a = image.data[y * 160 + i], b = ((uint8_t *)back.data)[y * back.pitch + i];
            CHECK(a - b <= 1 && b - a <= 1); /* halves, divided by alpha */
        }
    smalti_image_free(&back);
    free(image.data);
}
