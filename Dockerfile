FROM python:3.11-slim AS build
# With --build-arg REQUIREMENTS=requirements-traces.lock the image can export traces.
ARG REQUIREMENTS=requirements.lock
RUN python -m venv /opt/venv
COPY service/${REQUIREMENTS} /requirements.lock
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement /requirements.lock \
 && cd /opt/venv/lib/python3.11/site-packages \
 # What only installs, tests or makes models, and the library for C programs: Python's module has all of it inside.
 && rm -rf pip* setuptools* pkg_resources _distutils_hack distutils-precedence.pth \
    onnxruntime/tools onnxruntime/transformers onnxruntime/quantization onnxruntime/datasets onnxruntime/backend \
    onnxruntime/capi/libonnxruntime.so.* \
 # And what `tokenizers` would fetch from a hub with: a model's tokenizer lies in its folder.
    huggingface_hub* hf_xet* fsspec* filelock* tqdm* httpx2* httpcore2* truststore* yaml _yaml PyYAML* pyyaml* \
 # Of Pillow what neither PNG nor JPEG needs.
    PIL/_avif.* PIL/_webp.* PIL/_imagingft.* PIL/_imagingcms.* PIL/_imagingtk.* pillow.libs/libavif* pillow.libs/libwebp* \
    pillow.libs/libsharpyuv* pillow.libs/libfreetype* pillow.libs/libharfbuzz* pillow.libs/libbrotli* \
    pillow.libs/liblcms2* pillow.libs/libpng16* \
 && find . -type d -name tests -prune -exec rm -rf {} +

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
COPY service /app/service
RUN python -m compileall -q /app/service
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    CHAINZRULE_HOST=0.0.0.0 CHAINZRULE_PORT=8080 CHAINZRULE_REPOSITORY=/models
WORKDIR /app
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-m", "service.probe"]
ENTRYPOINT ["python", "-m", "service"]
