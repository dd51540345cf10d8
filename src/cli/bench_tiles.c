/* SPDX-License-Identifier: Apache-2.0
 * The classic ways to put WebAssembly over an image: tiles that go through a WASI command's standard input and output,
 * kept in PNG files (naive) or in memory. The command gets a fresh instance for every tile, as a process would be. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TILE = 256 };

/* What stands before the pixels in both directions; bench/wasi/command.c reads the same. */
typedef struct message {
    uint32_t width, height, channels, dst_channels, sample, param_count;
    double params[4];
} message;

typedef struct tile_job {
    const bench_work *work;
    const smalti_kernel_info *info;
    const char *folder; /* of tiles */
    uint64_t *copied;
    smalti_image source, result;
} tile_job;

static size_t pixel_bytes(const smalti_image *image)
{
    return image->channels * smalti_sample_bytes(image->sample);
}

static void copy_rows(const tile_job *job, const smalti_image *from, const smalti_image *to, size_t from_at,
                      size_t to_at)
{
    uint32_t height = from->height < to->height ? from->height : to->height;
    uint32_t width = from->width < to->width ? from->width : to->width;
    for (uint32_t y = 0; y < height; y++)
        memcpy((char *)to->data + to_at + y * to->pitch, (char *)from->data + from_at + y * from->pitch,
               width * pixel_bytes(to));
    *job->copied += (uint64_t)width * height * pixel_bytes(to);
}

static uint64_t file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* A tile goes to disk and comes back. */
static smalti_result through_file(const tile_job *job, smalti_image *tile, const char *name, smalti_error *error)
{
    const smalti_encode_options options = {.size = sizeof options, .format = "png", .png_effort = job->work->effort};
    char *path = cli_join(job->folder, name);
    if (!path)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a path");
    smalti_image back;
    smalti_result result = smalti_image_write(tile, path, &options, error);
    if (result == SMALTI_OK)
        result = smalti_image_read(path, &back, error);
    if (result == SMALTI_OK) {
        *job->copied += 2 * file_bytes(path);
        smalti_image_free(tile);
        *tile = back;
    }
    free(path);
    return result;
}

/* header and pixels as the command reads them; *data is owned on success */
static smalti_result pack(const tile_job *job, const smalti_image *tile, void **data, size_t *size, smalti_error *error)
{
    message head = {tile->width,
                    tile->height,
                    tile->channels,
                    job->info->output_channels[tile->channels],
                    (uint32_t)tile->sample,
                    job->info->param_count,
                    {0}};
    size_t row = tile->width * pixel_bytes(tile);
    *size = sizeof head + row * tile->height;
    *data = malloc(*size);
    if (!*data)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a tile");
    for (uint32_t i = 0; i < job->info->param_count && i < CLI_COUNT(head.params); i++)
        head.params[i] = job->info->params[i].def;
    memcpy(*data, &head, sizeof head);
    const smalti_image packed = {.width = tile->width,
                                 .height = tile->height,
                                 .channels = tile->channels,
                                 .sample = tile->sample,
                                 .pitch = row,
                                 .data = (char *)*data + sizeof head};
    copy_rows(job, tile, &packed, 0, 0);
    return SMALTI_OK;
}

/* Puts a tile through the command; *output, a packed tile, is owned on success. */
static smalti_result filter(const tile_job *job, const smalti_image *tile, void **output, smalti_image *filtered,
                            smalti_error *error)
{
    void *input;
    size_t input_size, output_size;
    smalti_result result = pack(job, tile, &input, &input_size, error);
    if (result < 0)
        return result;
    result =
        smalti_kernel_command(job->work->command, NULL, input, input_size, input_size * 4, output, &output_size, error);
    free(input);
    if (result < 0)
        return result;
    *job->copied += input_size + output_size; /* into the module's memory and out of it */
    message head;
    *filtered = *tile;
    filtered->channels = job->info->output_channels[tile->channels];
    filtered->pitch = filtered->width * pixel_bytes(filtered);
    if (output_size != sizeof head + filtered->pitch * filtered->height) {
        free(*output);
        return cli_fail(error, SMALTI_E_KERNEL, "the WASI command gave %zu bytes for a tile", output_size);
    }
    filtered->data = (char *)*output + sizeof head;
    return SMALTI_OK;
}

/* A tile that owns its pixels, as smalti_image_write and _read want it. */
static smalti_result own_copy(const tile_job *job, const smalti_image *from, size_t from_at, smalti_image *to,
                              smalti_error *error)
{
    smalti_result result = smalti_image_alloc(to, error);
    if (result == SMALTI_OK)
        copy_rows(job, from, to, from_at, 0);
    return result;
}

static smalti_result one_tile(const tile_job *job, bool in_files, uint32_t x, uint32_t y, smalti_error *error)
{
    const smalti_image *source = &job->source;
    smalti_image tile = {.width = source->width - x < TILE ? source->width - x : TILE,
                         .height = source->height - y < TILE ? source->height - y : TILE,
                         .channels = source->channels,
                         .sample = source->sample};
    smalti_result result = own_copy(job, source, y * source->pitch + x * pixel_bytes(source), &tile, error);
    if (result == SMALTI_OK && in_files)
        result = through_file(job, &tile, "tile.png", error);
    smalti_image filtered, kept;
    void *output = NULL;
    if (result == SMALTI_OK)
        result = filter(job, &tile, &output, &filtered, error);
    if (result == SMALTI_OK) {
        size_t at = y * job->result.pitch + x * pixel_bytes(&job->result);
        if (in_files) {
            kept = filtered;
            result = own_copy(job, &filtered, 0, &kept, error);
            if (result == SMALTI_OK) {
                result = through_file(job, &kept, "filtered.png", error);
                if (result == SMALTI_OK)
                    copy_rows(job, &kept, &job->result, 0, at);
                smalti_image_free(&kept);
            }
        } else {
            copy_rows(job, &filtered, &job->result, 0, at);
        }
    }
    free(output);
    smalti_image_free(&tile);
    return result;
}

smalti_result bench_image_by_tiles(const bench_work *work, bool in_files, const char *input, const char *folder,
                                   const char *output, uint64_t *copied, smalti_error *error)
{
    const smalti_encode_options options = {.size = sizeof options, .format = "png", .png_effort = work->effort};
    tile_job job = {.work = work, .info = smalti_kernel_describe(work->kernel), .folder = folder, .copied = copied};
    smalti_result result = smalti_image_read(input, &job.source, error);
    if (result < 0)
        return result;
    job.result = job.source;
    job.result.data = NULL;
    job.result.channels = job.info->output_channels[job.source.channels];
    if (!job.result.channels || !(job.info->samples & (1u << job.source.sample)))
        result =
            cli_fail(error, SMALTI_E_UNSUPPORTED, "%s: %s does not take its pixels as they are", input, work->filter);
    else
        result = smalti_image_alloc(&job.result, error);
    for (uint32_t y = 0; result == SMALTI_OK && y < job.source.height; y += TILE)
        for (uint32_t x = 0; result == SMALTI_OK && x < job.source.width; x += TILE)
            result = one_tile(&job, in_files, x, y, error);
    if (result == SMALTI_OK)
        result = smalti_image_write(&job.result, output, &options, error);
    smalti_image_free(&job.source);
    smalti_image_free(&job.result);
    return result;
}
