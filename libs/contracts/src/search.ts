export * from './gen/nat/search/v1/search_service.ts';
