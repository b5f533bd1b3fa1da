// onnxruntime-web as far as we use it; its source is put into the page by the export.
export const env: any;
export const Tensor: any;
export const InferenceSession: any;
